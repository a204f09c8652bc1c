import type { Tree } from './command.ts'

const config: Tree = {
  device: {
    load: async () => (await import('./config/config-device.ts')).configDevice,
    commands: {
      add: { load: async () => (await import('./config/config-device-add.ts')).configDeviceAdd },
      get: { load: async () => (await import('./config/config-device-get.ts')).configDeviceGet },
      list: { aliases: ['ls'], load: async () => (await import('./config/config-device-list.ts')).configDeviceList },
      override: { load: async () => (await import('./config/config-device-override.ts')).configDeviceOverride },
      remove: {
        aliases: ['rm'],
        load: async () => (await import('./config/config-device-remove.ts')).configDeviceRemove,
      },
      set: { load: async () => (await import('./config/config-device-set.ts')).configDeviceSet },
      show: { load: async () => (await import('./config/config-device-show.ts')).configDeviceShow },
      unset: { load: async () => (await import('./config/config-device-unset.ts')).configDeviceUnset },
    },
  },
  edit: { load: async () => (await import('./config/config-edit.ts')).configEdit },
  get: { load: async () => (await import('./config/config-get.ts')).configGet },
  set: { load: async () => (await import('./config/config-set.ts')).configSet },
  show: { load: async () => (await import('./config/config-show.ts')).configShow },
  unset: { load: async () => (await import('./config/config-unset.ts')).configUnset },
}

const network: Tree = {
  attach: { load: async () => (await import('./network/network-attach.ts')).networkAttach },
  'attach-profile': { load: async () => (await import('./network/network-attach-profile.ts')).networkAttachProfile },
  create: { load: async () => (await import('./network/network-create.ts')).networkCreate },
  delete: { aliases: ['rm'], load: async () => (await import('./network/network-delete.ts')).networkDelete },
  detach: { load: async () => (await import('./network/network-detach.ts')).networkDetach },
  'detach-profile': { load: async () => (await import('./network/network-detach-profile.ts')).networkDetachProfile },
  edit: { load: async () => (await import('./network/network-edit.ts')).networkEdit },
  get: { load: async () => (await import('./network/network-get.ts')).networkGet },
  info: { load: async () => (await import('./network/network-info.ts')).networkInfo },
  list: { aliases: ['ls'], load: async () => (await import('./network/network-list.ts')).networkList },
  'list-leases': { load: async () => (await import('./network/network-list-leases.ts')).networkListLeases },
  rename: { aliases: ['mv'], load: async () => (await import('./network/network-rename.ts')).networkRename },
  set: { load: async () => (await import('./network/network-set.ts')).networkSet },
  show: { load: async () => (await import('./network/network-show.ts')).networkShow },
  unset: { load: async () => (await import('./network/network-unset.ts')).networkUnset },
}

const profile: Tree = {
  add: { load: async () => (await import('./profile/profile-add.ts')).profileAdd },
  assign: { aliases: ['apply'], load: async () => (await import('./profile/profile-assign.ts')).profileAssign },
  copy: { aliases: ['cp'], load: async () => (await import('./profile/profile-copy.ts')).profileCopy },
  create: { load: async () => (await import('./profile/profile-create.ts')).profileCreate },
  delete: { aliases: ['rm'], load: async () => (await import('./profile/profile-delete.ts')).profileDelete },
  device: {
    load: async () => (await import('./profile/profile-device.ts')).profileDevice,
    commands: {
      add: { load: async () => (await import('./profile/profile-device-add.ts')).profileDeviceAdd },
      get: { load: async () => (await import('./profile/profile-device-get.ts')).profileDeviceGet },
      list: { aliases: ['ls'], load: async () => (await import('./profile/profile-device-list.ts')).profileDeviceList },
      remove: {
        aliases: ['rm'],
        load: async () => (await import('./profile/profile-device-remove.ts')).profileDeviceRemove,
      },
      set: { load: async () => (await import('./profile/profile-device-set.ts')).profileDeviceSet },
      show: { load: async () => (await import('./profile/profile-device-show.ts')).profileDeviceShow },
      unset: { load: async () => (await import('./profile/profile-device-unset.ts')).profileDeviceUnset },
    },
  },
  edit: { load: async () => (await import('./profile/profile-edit.ts')).profileEdit },
  get: { load: async () => (await import('./profile/profile-get.ts')).profileGet },
  list: { aliases: ['ls'], load: async () => (await import('./profile/profile-list.ts')).profileList },
  remove: { load: async () => (await import('./profile/profile-remove.ts')).profileRemove },
  rename: { aliases: ['mv'], load: async () => (await import('./profile/profile-rename.ts')).profileRename },
  set: { load: async () => (await import('./profile/profile-set.ts')).profileSet },
  show: { load: async () => (await import('./profile/profile-show.ts')).profileShow },
  unset: { load: async () => (await import('./profile/profile-unset.ts')).profileUnset },
}

const storage: Tree = {
  create: { load: async () => (await import('./storage/storage-create.ts')).storageCreate },
  delete: { aliases: ['rm'], load: async () => (await import('./storage/storage-delete.ts')).storageDelete },
  edit: { load: async () => (await import('./storage/storage-edit.ts')).storageEdit },
  get: { load: async () => (await import('./storage/storage-get.ts')).storageGet },
  info: { load: async () => (await import('./storage/storage-info.ts')).storageInfo },
  list: { aliases: ['ls'], load: async () => (await import('./storage/storage-list.ts')).storageList },
  set: { load: async () => (await import('./storage/storage-set.ts')).storageSet },
  show: { load: async () => (await import('./storage/storage-show.ts')).storageShow },
  unset: { load: async () => (await import('./storage/storage-unset.ts')).storageUnset },
  volume: {
    load: async () => (await import('./storage/storage-volume.ts')).storageVolume,
    commands: {
      list: { aliases: ['ls'], load: async () => (await import('./storage/storage-volume-list.ts')).storageVolumeList },
      show: { load: async () => (await import('./storage/storage-volume-show.ts')).storageVolumeShow },
    },
  },
}

/** Every command of `lxc`. Each is loaded when it is called. */
export const all: Tree = {
  config: { load: async () => (await import('./config/config.ts')).config, commands: config },
  delete: { aliases: ['rm'], load: async () => (await import('./instance/delete.ts')).deleteCommand },
  exec: { load: async () => (await import('./instance/exec.ts')).exec },
  help: { load: async () => (await import('./server/help.ts')).help },
  init: { hidden: true, load: async () => (await import('./instance/init.ts')).init },
  launch: { load: async () => (await import('./instance/launch.ts')).launch },
  list: { aliases: ['ls'], load: async () => (await import('./instance/list.ts')).list },
  network: { load: async () => (await import('./network/network.ts')).network, commands: network },
  pause: { hidden: true, load: async () => (await import('./instance/pause.ts')).pause },
  profile: { load: async () => (await import('./profile/profile.ts')).profile, commands: profile },
  query: { hidden: true, load: async () => (await import('./server/query.ts')).query },
  rename: { load: async () => (await import('./instance/rename.ts')).rename },
  restart: { load: async () => (await import('./instance/restart.ts')).restart },
  start: { load: async () => (await import('./instance/start.ts')).start },
  stop: { load: async () => (await import('./instance/stop.ts')).stop },
  storage: { load: async () => (await import('./storage/storage.ts')).storage, commands: storage },
}
