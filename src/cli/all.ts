import { authCommands } from './auth/all.ts'
import type { Tree } from './command.ts'

const alias: Tree = {
  add: { load: async () => (await import('./alias/alias-add.ts')).aliasAdd },
  list: { aliases: ['ls'], load: async () => (await import('./alias/alias-list.ts')).aliasList },
  remove: { aliases: ['rm'], load: async () => (await import('./alias/alias-remove.ts')).aliasRemove },
  rename: { aliases: ['mv'], load: async () => (await import('./alias/alias-rename.ts')).aliasRename },
}

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
  trust: {
    load: async () => (await import('./config/config-trust.ts')).configTrust,
    commands: {
      add: { load: async () => (await import('./config/config-trust-add.ts')).configTrustAdd },
      edit: { load: async () => (await import('./config/config-trust-edit.ts')).configTrustEdit },
      list: { aliases: ['ls'], load: async () => (await import('./config/config-trust-list.ts')).configTrustList },
      'list-tokens': {
        load: async () => (await import('./config/config-trust-list-tokens.ts')).configTrustListTokens,
      },
      remove: {
        aliases: ['rm'],
        load: async () => (await import('./config/config-trust-remove.ts')).configTrustRemove,
      },
      'revoke-token': {
        load: async () => (await import('./config/config-trust-revoke-token.ts')).configTrustRevokeToken,
      },
      show: { load: async () => (await import('./config/config-trust-show.ts')).configTrustShow },
    },
  },
  unset: { load: async () => (await import('./config/config-unset.ts')).configUnset },
}

const file: Tree = {
  delete: { aliases: ['rm'], load: async () => (await import('./file/file-delete.ts')).fileDelete },
  edit: { load: async () => (await import('./file/file-edit.ts')).fileEdit },
  pull: { load: async () => (await import('./file/file-pull.ts')).filePull },
  push: { load: async () => (await import('./file/file-push.ts')).filePush },
}

const image: Tree = {
  alias: {
    load: async () => (await import('./image/image-alias.ts')).imageAlias,
    commands: {
      create: { load: async () => (await import('./image/image-alias-create.ts')).imageAliasCreate },
      delete: { aliases: ['rm'], load: async () => (await import('./image/image-alias-delete.ts')).imageAliasDelete },
      list: { aliases: ['ls'], load: async () => (await import('./image/image-alias-list.ts')).imageAliasList },
      rename: { aliases: ['mv'], load: async () => (await import('./image/image-alias-rename.ts')).imageAliasRename },
    },
  },
  copy: { aliases: ['cp'], load: async () => (await import('./image/image-copy.ts')).imageCopy },
  delete: { aliases: ['rm'], load: async () => (await import('./image/image-delete.ts')).imageDelete },
  edit: { load: async () => (await import('./image/image-edit.ts')).imageEdit },
  export: { load: async () => (await import('./image/image-export.ts')).imageExport },
  'get-property': { load: async () => (await import('./image/image-get-property.ts')).imageGetProperty },
  import: { load: async () => (await import('./image/image-import.ts')).imageImport },
  info: { load: async () => (await import('./image/image-info.ts')).imageInfo },
  list: { aliases: ['ls'], load: async () => (await import('./image/image-list.ts')).imageList },
  refresh: { load: async () => (await import('./image/image-refresh.ts')).imageRefresh },
  'set-property': { load: async () => (await import('./image/image-set-property.ts')).imageSetProperty },
  show: { load: async () => (await import('./image/image-show.ts')).imageShow },
  'unset-property': { load: async () => (await import('./image/image-unset-property.ts')).imageUnsetProperty },
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

const operation: Tree = {
  delete: {
    aliases: ['cancel', 'rm'],
    load: async () => (await import('./operation/operation-delete.ts')).operationDelete,
  },
  list: { aliases: ['ls'], load: async () => (await import('./operation/operation-list.ts')).operationList },
  show: { load: async () => (await import('./operation/operation-show.ts')).operationShow },
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

const project: Tree = {
  create: { load: async () => (await import('./project/project-create.ts')).projectCreate },
  delete: { aliases: ['rm'], load: async () => (await import('./project/project-delete.ts')).projectDelete },
  edit: { load: async () => (await import('./project/project-edit.ts')).projectEdit },
  get: { load: async () => (await import('./project/project-get.ts')).projectGet },
  info: { load: async () => (await import('./project/project-info.ts')).projectInfo },
  list: { aliases: ['ls'], load: async () => (await import('./project/project-list.ts')).projectList },
  rename: { aliases: ['mv'], load: async () => (await import('./project/project-rename.ts')).projectRename },
  set: { load: async () => (await import('./project/project-set.ts')).projectSet },
  show: { load: async () => (await import('./project/project-show.ts')).projectShow },
  switch: { load: async () => (await import('./project/project-switch.ts')).projectSwitch },
  unset: { load: async () => (await import('./project/project-unset.ts')).projectUnset },
}

const remote: Tree = {
  add: { load: async () => (await import('./remote/remote-add.ts')).remoteAdd },
  'get-default': { load: async () => (await import('./remote/remote-get-default.ts')).remoteGetDefault },
  list: { aliases: ['ls'], load: async () => (await import('./remote/remote-list.ts')).remoteList },
  remove: { aliases: ['rm'], load: async () => (await import('./remote/remote-remove.ts')).remoteRemove },
  rename: { aliases: ['mv'], load: async () => (await import('./remote/remote-rename.ts')).remoteRename },
  'set-url': { load: async () => (await import('./remote/remote-set-url.ts')).remoteSetUrl },
  switch: { aliases: ['set-default'], load: async () => (await import('./remote/remote-switch.ts')).remoteSwitch },
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

const warning: Tree = {
  acknowledge: {
    aliases: ['ack'],
    load: async () => (await import('./warning/warning-acknowledge.ts')).warningAcknowledge,
  },
  delete: { aliases: ['rm'], load: async () => (await import('./warning/warning-delete.ts')).warningDelete },
  list: { aliases: ['ls'], load: async () => (await import('./warning/warning-list.ts')).warningList },
  show: { load: async () => (await import('./warning/warning-show.ts')).warningShow },
}

/** Every command of `lxc`. Each is loaded when it is called. */
export const all: Tree = {
  alias: { load: async () => (await import('./alias/alias.ts')).alias, commands: alias },
  auth: { load: async () => (await import('./auth/auth.ts')).auth, commands: authCommands },
  config: { load: async () => (await import('./config/config.ts')).config, commands: config },
  console: { load: async () => (await import('./instance/console.ts')).consoleCommand },
  delete: { aliases: ['rm'], load: async () => (await import('./instance/delete.ts')).deleteCommand },
  exec: { load: async () => (await import('./instance/exec.ts')).exec },
  file: { load: async () => (await import('./file/file.ts')).file, commands: file },
  help: { load: async () => (await import('./server/help.ts')).help },
  image: { load: async () => (await import('./image/image.ts')).image, commands: image },
  info: { load: async () => (await import('./instance/info.ts')).info },
  init: { hidden: true, load: async () => (await import('./instance/init.ts')).init },
  launch: { load: async () => (await import('./instance/launch.ts')).launch },
  list: { aliases: ['ls'], load: async () => (await import('./instance/list.ts')).list },
  monitor: { hidden: true, load: async () => (await import('./server/monitor.ts')).monitor },
  network: { load: async () => (await import('./network/network.ts')).network, commands: network },
  operation: { load: async () => (await import('./operation/operation.ts')).operation, commands: operation },
  pause: { hidden: true, load: async () => (await import('./instance/pause.ts')).pause },
  profile: { load: async () => (await import('./profile/profile.ts')).profile, commands: profile },
  project: { load: async () => (await import('./project/project.ts')).project, commands: project },
  query: { hidden: true, load: async () => (await import('./server/query.ts')).query },
  remote: { load: async () => (await import('./remote/remote.ts')).remote, commands: remote },
  rename: { load: async () => (await import('./instance/rename.ts')).rename },
  restart: { load: async () => (await import('./instance/restart.ts')).restart },
  start: { load: async () => (await import('./instance/start.ts')).start },
  stop: { load: async () => (await import('./instance/stop.ts')).stop },
  storage: { load: async () => (await import('./storage/storage.ts')).storage, commands: storage },
  version: { load: async () => (await import('./server/version.ts')).version },
  warning: { load: async () => (await import('./warning/warning.ts')).warning, commands: warning },
}
