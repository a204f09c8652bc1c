import assert from 'node:assert/strict'
import { test } from 'node:test'
import { renderMetrics } from './prometheus.ts'

test('families are written with what they are, one line for each sample', () => {
  const text = renderMetrics([
    {
      name: 'lxd_procs_total',
      help: 'The number of running processes.',
      type: 'gauge',
      samples: [
        { labels: { name: 'c1', project: 'default' }, value: 5 },
        { labels: { name: 'c2', project: 'default' }, value: 0.25 },
      ],
    },
    { name: 'lxd_nothing', help: 'Nothing.', type: 'counter', samples: [] },
  ])
  assert.equal(
    text,
    `# HELP lxd_procs_total The number of running processes.
# TYPE lxd_procs_total gauge
lxd_procs_total{name="c1",project="default"} 5
lxd_procs_total{name="c2",project="default"} 0.25
# EOF
`,
  )
})

test('text from outside can not end a line or a value', () => {
  const labels = { device: 'a"} 1\nlxd_forged{x="\\' }
  const text = renderMetrics([{ name: 'n', help: 'h', type: 'gauge', samples: [{ labels, value: 1 }] }])
  assert.equal(text.split('\n')[2], String.raw`n{device="a\"} 1\nlxd_forged{x=\"\\"} 1`)
})
