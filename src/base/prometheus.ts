/** One number, and what it is about. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** What is measured, for all that it is measured of. */
export interface MetricFamily {
  readonly name: string
  readonly help: string
  /** `counter` only grows, until what it counts is started again. */
  readonly type: 'counter' | 'gauge'
  readonly samples: readonly Sample[]
}

/**
 * Metrics in the text format of OpenMetrics as LXD has it, which is also that of Prometheus
 * (https://prometheus.io/docs/instrumenting/exposition_formats/). Families without samples are left out.
 */
export function renderMetrics(families: readonly MetricFamily[]): string {
  const lines = families.filter(({ samples }) => samples.length > 0).flatMap((family) => linesOf(family))
  return `${[...lines, '# EOF'].join('\n')}\n`
}

function linesOf({ name, help, type, samples }: MetricFamily): string[] {
  const values = samples.map(({ labels, value }) => {
    const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escape(text)}"`)
    return `${name}{${pairs.join(',')}} ${value}`
  })
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...values]
}

function escape(text: string): string {
  return text
    .replaceAll('\\', String.raw`\\`)
    .replaceAll('"', String.raw`\"`)
    .replaceAll('\n', String.raw`\n`)
}
