import { keyType } from '#config/key.ts'
import type { Key } from '#config/key.ts'
import { defineFeature } from '../feature.ts'

const limit = keyType('resource limit', (text) => {
  const amount = String.raw`(?:\d{1,19}|unlimited)`
  if (!new RegExp(`^${amount}(:${amount})?$`).test(text)) {
    throw new Error(`Invalid limit "${text}": expected a number or "unlimited", or two of them as "SOFT:HARD"`)
  }
  const [soft = 0, hard = soft] = text.split(':').map((part) => (part === 'unlimited' ? Infinity : Number(part)))
  if (soft > hard) throw new Error(`Invalid limit "${text}": the soft limit is above the hard one`)
  return text
})

/** What each resource limit of setrlimit(2) counts. */
const limits = {
  as: 'Bytes of address space of a process.',
  core: 'Bytes of a core dump.',
  cpu: 'Seconds of CPU time of a process.',
  data: 'Bytes of the data segment of a process.',
  fsize: 'Bytes of a file a process writes.',
  locks: 'File locks.',
  memlock: 'Bytes of memory a process may lock.',
  msgqueue: 'Bytes in message queues of a user.',
  nice: 'The ceiling of the nice value, as 20 less the value.',
  nofile: 'Open files of a process.',
  nproc: 'Processes of a user.',
  rss: 'Bytes of resident memory of a process.',
  rtprio: 'The ceiling of the real-time priority.',
  rttime: 'Microseconds of real-time scheduling without a blocking call.',
  sigpending: 'Signals queued for a user.',
  stack: 'Bytes of the stack of a process.',
}

/** Those that take memory or CPU time from others on the host; what the rest allow is bounded in other ways. */
const costly = ['memlock', 'msgqueue', 'nice', 'rtprio', 'rttime']

const prefix = 'limits.kernel.'

const keys = Object.fromEntries(
  Object.entries(limits).map(([name, what]): [string, Key] => [
    `${prefix}${name}`,
    limit({
      doc: `${what}

The limit \`RLIMIT_${name.toUpperCase()}\` of the init and what it starts: a number or \`unlimited\`, or two of them as
\`SOFT:HARD\`. Where it is not set it is the daemon's own.`,
      risk: costly.includes(name) ? 'lowlevel' : 'safe',
    }),
  ]),
)

/** The limits that processes of an instance have, each for itself (setrlimit(2)). */
export const kernelLimits = defineFeature({
  keys,
  lxc: (values) =>
    Object.entries(values).flatMap(([key, value]) =>
      typeof value === 'string' ? [[`lxc.prlimit.${key.slice(prefix.length)}`, value] as const] : [],
    ),
})
