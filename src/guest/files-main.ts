/**
 * The guest helper for files: a process of its own in the container's user namespace, started by `guest-files.ts` with
 * the container's root directory as descriptor 3 and koffi's library as descriptor 6. It makes that directory its root
 * and serves it on its standard streams. From the first line on it can do no more than root in the container.
 */
import { closeSync } from 'node:fs'
import { serveSftp } from './sftp-server.ts'

type Native = (...args: readonly (number | string)[]) => number

const rootDescriptor = 3
const handed = [3, 4, 5, 6]

const addon = { exports: {} as { load(name: string): { func(prototype: string): Native } } }
process.dlopen(addon, '/proc/self/fd/6')
const libc = addon.exports.load('libc.so.6')
const enter = [libc.func('int fchdir(int directory)'), libc.func('int chroot(const char *path)')] as const
if (enter[0](rootDescriptor) !== 0 || enter[1]('.') !== 0) throw new Error('Cannot enter the root directory')
for (const descriptor of handed) closeSync(descriptor)
process.umask(0)
await serveSftp(process.stdin, process.stdout)
