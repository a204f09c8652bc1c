import { constants } from 'node:os'

/** The number of a signal as lxc.container.conf(5) has it: `SIGPWR`, `SIGRTMIN+3`, `37`. */
export function parseSignal(text: string): number {
  if (/^\d{1,2}$/.test(text)) return Number(text)
  const realTime = /^SIGRT(MIN\+|MAX-)(\d{1,2})$/.exec(text)
  // glibc keeps two of the kernel's real-time signals to itself.
  if (realTime) return realTime[1] === 'MIN+' ? 34 + Number(realTime[2]) : 64 - Number(realTime[2])
  const number = new Map<string, number>(Object.entries(constants.signals)).get(text)
  if (number === undefined) throw new Error(`Unknown signal "${text}"`)
  return number
}
