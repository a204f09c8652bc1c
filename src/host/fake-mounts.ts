import { SyscallError } from './native.ts'
import type { BindOptions, DetachedMount, MountEntry, Mounts, OverlayLayers } from './mounts.ts'

/** What is mounted at a path of {@link FakeMounts}. */
export type FakeMount =
  | { readonly type: 'bind'; readonly source: string; readonly options: BindOptions }
  | { readonly type: 'overlay'; readonly layers: OverlayLayers }

/** Mounts that exist only here, for tests. Sources are there when `sources` has them. */
export class FakeMounts implements Mounts {
  readonly mounted = new Map<string, FakeMount>()
  readonly sources = new Map<string, DetachedMount['kind']>()
  /** All that were made detached, by their numbers. */
  readonly detached = new Map<number, FakeMount>()

  async list(): Promise<readonly MountEntry[]> {
    return [...this.mounted].map(([path, { type }]) => ({ root: '/', path, options: [], type, source: '' }))
  }

  async bind(source: string, target: string, options: BindOptions = {}): Promise<void> {
    await this.attach(await this.detachedBind(source, options), target)
  }

  async detachedBind(source: string, options: BindOptions = {}): Promise<DetachedMount> {
    const kind = this.sources.get(source)
    if (!kind) throw new SyscallError('open_tree', 2, source)
    const number = 1000 + this.detached.size
    this.detached.set(number, { type: 'bind', source, options })
    return { number, kind, [Symbol.dispose]: () => {} }
  }

  async attach({ number }: DetachedMount, target: string): Promise<void> {
    const mount = this.detached.get(number)
    if (mount) this.mounted.set(target, mount)
  }

  async overlay(layers: OverlayLayers, target: string): Promise<void> {
    this.mounted.set(target, { type: 'overlay', layers })
  }

  async unmount(path: string): Promise<void> {
    this.mounted.delete(path)
  }

  async flush(): Promise<void> {}
}
