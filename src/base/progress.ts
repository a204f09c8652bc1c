/** Long work tells how far it is: `text` as users see it (`42% (12.3MB/s)`), under LXD's name for the stage. */
export type Progress = (stage: string, text: string) => void

/** What long work is given: when to stop, and whom to tell how far it is. */
export interface Work {
  readonly signal?: AbortSignal | undefined
  readonly progress?: Progress | undefined
}
