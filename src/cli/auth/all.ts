import type { Tree } from '../command.ts'

const permission: Tree = {
  add: { load: async () => (await import('./auth-group-permission-add.ts')).authGroupPermissionAdd },
  remove: {
    aliases: ['rm'],
    load: async () => (await import('./auth-group-permission-remove.ts')).authGroupPermissionRemove,
  },
}

const group: Tree = {
  create: { load: async () => (await import('./auth-group-create.ts')).authGroupCreate },
  delete: { aliases: ['rm'], load: async () => (await import('./auth-group-delete.ts')).authGroupDelete },
  edit: { load: async () => (await import('./auth-group-edit.ts')).authGroupEdit },
  list: { aliases: ['ls'], load: async () => (await import('./auth-group-list.ts')).authGroupList },
  permission: {
    load: async () => (await import('./auth-group-permission.ts')).authGroupPermission,
    commands: permission,
  },
  rename: { aliases: ['mv'], load: async () => (await import('./auth-group-rename.ts')).authGroupRename },
  show: { load: async () => (await import('./auth-group-show.ts')).authGroupShow },
}

const identityGroup: Tree = {
  add: { load: async () => (await import('./auth-identity-group-add.ts')).authIdentityGroupAdd },
  remove: {
    aliases: ['rm'],
    load: async () => (await import('./auth-identity-group-remove.ts')).authIdentityGroupRemove,
  },
}

const identity: Tree = {
  create: { load: async () => (await import('./auth-identity-create.ts')).authIdentityCreate },
  delete: { aliases: ['rm'], load: async () => (await import('./auth-identity-delete.ts')).authIdentityDelete },
  edit: { load: async () => (await import('./auth-identity-edit.ts')).authIdentityEdit },
  group: { load: async () => (await import('./auth-identity-group.ts')).authIdentityGroup, commands: identityGroup },
  info: { load: async () => (await import('./auth-identity-info.ts')).authIdentityInfo },
  list: { aliases: ['ls'], load: async () => (await import('./auth-identity-list.ts')).authIdentityList },
  show: { load: async () => (await import('./auth-identity-show.ts')).authIdentityShow },
}

const providerGroupGroup: Tree = {
  add: {
    load: async () => (await import('./auth-identity-provider-group-group-add.ts')).authIdentityProviderGroupGroupAdd,
  },
  remove: {
    aliases: ['rm'],
    load: async () =>
      (await import('./auth-identity-provider-group-group-remove.ts')).authIdentityProviderGroupGroupRemove,
  },
}

const providerGroup: Tree = {
  create: {
    load: async () => (await import('./auth-identity-provider-group-create.ts')).authIdentityProviderGroupCreate,
  },
  delete: {
    aliases: ['rm'],
    load: async () => (await import('./auth-identity-provider-group-delete.ts')).authIdentityProviderGroupDelete,
  },
  group: {
    load: async () => (await import('./auth-identity-provider-group-group.ts')).authIdentityProviderGroupGroup,
    commands: providerGroupGroup,
  },
  list: {
    aliases: ['ls'],
    load: async () => (await import('./auth-identity-provider-group-list.ts')).authIdentityProviderGroupList,
  },
  rename: {
    aliases: ['mv'],
    load: async () => (await import('./auth-identity-provider-group-rename.ts')).authIdentityProviderGroupRename,
  },
  show: { load: async () => (await import('./auth-identity-provider-group-show.ts')).authIdentityProviderGroupShow },
}

/** The commands below `lxc auth`. */
export const authCommands: Tree = {
  group: { load: async () => (await import('./auth-group.ts')).authGroup, commands: group },
  identity: { load: async () => (await import('./auth-identity.ts')).authIdentity, commands: identity },
  'identity-provider-group': {
    load: async () => (await import('./auth-identity-provider-group.ts')).authIdentityProviderGroup,
    commands: providerGroup,
  },
  permission: {
    load: async () => (await import('./auth-permission.ts')).authPermission,
    commands: {
      list: { aliases: ['ls'], load: async () => (await import('./auth-permission-list.ts')).authPermissionList },
    },
  },
}
