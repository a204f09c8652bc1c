import { badRequest } from '#base/failure.ts'
import { size } from '#config/key.ts'
import { defineFeature, requireController } from '../feature.ts'

const prefix = 'limits.hugepages.'

const limit = (page: string) =>
  size({ doc: `Memory the instance may use in huge pages of ${page}.`, live: true, risk: 'safe' })

/** How much memory an instance may use in huge pages. */
export const hugepages = defineFeature({
  keys: {
    'limits.hugepages.64KB': limit('64 KB'),
    'limits.hugepages.1MB': limit('1 MB'),
    'limits.hugepages.2MB': limit('2 MB'),
    'limits.hugepages.1GB': limit('1 GB'),
  },

  cgroup(values, context) {
    const { host } = context
    return Object.entries(values).flatMap(([key, bytes]) => {
      const page = key.slice(prefix.length)
      const has = host.hugePages.includes(page)
      if (bytes !== undefined) requireController(context, 'hugetlb', key)
      if (bytes !== undefined && !has) throw badRequest(`Cannot apply "${key}": this host has no huge pages of ${page}`)
      const version = host.cgroups.get('hugetlb')
      if (version === undefined || !has) return []
      const item = version === 2 ? `hugetlb.${page}.max` : `hugetlb.${page}.limit_in_bytes`
      const unlimited = version === 2 ? 'max' : '-1'
      return [{ controller: 'hugetlb', item, value: String(bytes ?? unlimited), fresh: bytes === undefined }]
    })
  },
})
