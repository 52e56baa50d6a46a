/** The words of the page of members. */
import type { MemberRole, MembershipStatus, OrganizationVisibility } from '../gql/graphql.ts';

const roles: Record<MemberRole, string> = {
  OWNER: 'Owner',
  ADMIN: 'Administrator',
  BILLING: 'Billing',
  MEMBER: 'Member',
};
const roleHints: Record<MemberRole, string> = {
  OWNER: 'May do everything here.',
  ADMIN: 'May do everything but change, suspend or remove an owner.',
  BILLING: 'Reads everything, and looks after plans and payments; no members, keys or names.',
  MEMBER: 'Uses credits, and reads the balance and only their own use.',
};
const statuses: Record<MembershipStatus, string> = {
  ACTIVE: 'Active',
  INVITED: 'No answer yet',
  SUSPENDED: 'Suspended',
};
const payers: Record<OrganizationVisibility, string> = {
  PRIVATE: 'The organization’s credits',
  PUBLIC: 'Each member’s own credits',
};

export const members = {
  roles,
  roleHints,
  statuses,
  payers,
  notAnOrganization: 'This account is a person’s: it has no members',
  notAnOrganizationHint: 'Credits are shared in an organization. Make one in the switcher of accounts.',
  onlyYourself: 'You see yourself. Owners, administrators and billing see all members.',
  ownLimit: (drawn: string, limit: string, left: string) =>
    `You have drawn ${drawn} of your limit of ${limit} here: ${left} are left until`,
  ownLimitReached: (limit: string) =>
    `You have drawn all of your limit of ${limit} here. An owner or administrator can raise it; otherwise use is refused until`,
  list: 'Members',
  none: 'Nobody has that name or id',
  search: 'Find a member',
  find: 'Find',
  showAll: 'Show all',
  name: 'Name',
  you: 'you',
  role: 'Role',
  status: 'State',
  drawn: 'Drawn from the pool',
  drawnOf: (drawn: string, limit: string) => `${drawn} of ${limit}`,
  atLimit: 'At the limit',
  used: 'Used here',
  joined: 'Joined',
  invited: 'Invited',
  actions: 'Actions',
  ownerOnly: 'Only an owner may change, suspend or remove an owner, or make one.',

  payer: 'Who pays',
  paysPrivate: (name: string) =>
    `${name} pays for what its members use here: its own credits are their pool, and each draws from it up to their limit.`,
  paysPublic: (name: string) =>
    `Each member pays for what they use here from their own account. ${name} pays for none of it, and limits, which bound what is drawn from the pool, do not count.`,
  poolLeft: (credits: string) => `${credits} left in the pool`,
  adds: (members: string, others: string, used: string) =>
    `Members ${members} + others ${others} = ${used} used from the pool in this period`,
  addsHint: 'Others are people who have left, and keys that act without a person.',
  byPerson: 'Use by person',
  settings: 'Settings',
  settingsOf: (name: string) => `Settings of ${name}`,
  organizationName: 'Name',
  saveSettings: 'Save settings',
  settingsSaved: 'The settings are saved.',
  payerChange: {
    PUBLIC: (left: string) =>
      `From then on each member pays from their own account, and anybody may use it. The pool keeps its ${left}, which then pay only for keys without a person.`,
    PRIVATE: (left: string) =>
      `From then on the pool, with ${left} left, pays for members, each up to their limit. Nobody else may use it.`,
  },

  invite: 'Invite',
  inviteTitle: 'Invite somebody',
  inviteHint: 'They belong here once they accept. Until then they can use and see nothing of it.',
  operatorInviteHint: 'Whom an operator names is a member at once.',
  externalId: 'Their id',
  externalIdHint: 'The id that they sign in with, such as demo-user.',
  externalIdMissing: 'Give the id of the person.',
  externalIdTooLong: 'An id has at most 255 characters.',
  isMember: 'They belong here already: change them in the list.',
  limit: 'Limit in credits a period',
  limitHint: 'Most that they may draw from the pool. Empty: no limit of their own.',
  wholeNumber: 'Give a whole number, 0 or more, without signs or commas.',
  reason: 'Reason',
  reasonTooLong: 'A reason has at most 1,000 characters.',
  reasonHint: 'It is kept in the audit log. It may stay empty.',
  wasInvited: (name: string) => `${name} is invited. Until they accept they can use nothing here.`,
  isActive: (name: string) => `${name} is a member now.`,

  change: 'Change',
  changeNamed: (name: string) => `Change ${name}`,
  state: 'Use',
  stateOptions: { ACTIVE: 'May use credits here', SUSPENDED: 'Suspended: use is refused' },
  suspendConsequence: 'All new use here is refused at once. They see what a member sees, and can change nothing.',
  suspendNamed: (name: string) => `Suspend ${name}`,
  reinstateNamed: (name: string) => `Reinstate ${name}`,
  limitLeaves: (drawn: string, left: string) => `${drawn} are drawn in this period, so ${left} are left of it until`,
  limitReached: (drawn: string) => `${drawn} are drawn in this period, so their use is refused until`,
  nextPeriod: 'the next period',
  changed: (name: string) => `${name} is changed.`,

  remove: 'Remove',
  removeNamed: (name: string) => `Remove ${name}`,
  withdraw: 'Withdraw',
  withdrawNamed: (name: string) => `Withdraw the invitation of ${name}`,
  leave: 'Leave',
  leaveNamed: (organization: string) => `Leave ${organization}`,
  removeConsequence: (used: string) =>
    `They lose access at once, also where it is open in a browser, and new use here is refused. The ${used} that they used in this period stay in history.`,
  removeGiven:
    'Credits that were moved to their own account stay there: move back what is left of them first, with «Move credits».',
  withdrawConsequence: 'They can no longer accept. You may invite them anew.',
  leaveConsequence: (organization: string) =>
    `You lose access to ${organization} at once, and your use there is refused. Only a new invitation lets you back in.`,
  removed: (name: string) => `${name} no longer belongs here.`,
  withdrawn: (name: string) => `The invitation of ${name} is withdrawn.`,

  transfer: 'Move credits',
  direction: 'From … to',
  directions: {
    GIVE: (organization: string) => `From ${organization} to a member`,
    TAKE: (organization: string) => `Back from a member to ${organization}`,
    OWN: (organization: string) => `From your own account to ${organization}`,
  },
  person: 'Member',
  choose: 'Choose',
  nobody: 'Nobody to choose',
  suspendedPerson: (name: string) => `${name} (suspended)`,
  amount: 'Credits',
  amountMissing: 'Give a whole number above 0, without signs or commas.',
  personMissing: 'Choose a member.',
  leaves: (name: string, before: string, after: string) => `${name}: ${before} available now, ${after} afterwards.`,
  tooMuch: (name: string, available: string) => `${name} has ${available} available.`,
  atMost: (available: string) =>
    `At most ${available} can be moved: credits of a trial or a promotion stay where they are, and what is held stays with its work.`,
  giveConsequence: (name: string) =>
    `They are ${name}’s own from then on, to be used anywhere, beside the limit here. They keep their expiry.`,
  takeConsequence: 'Only what is left of the credits that came from here can be moved back.',
  ownConsequence: (organization: string) =>
    `They are ${organization}’s from then on, and its members use them. They keep their expiry.`,
  moveCredits: (credits: string) => `Move ${credits}`,
  moved: (credits: string, to: string) => `${credits} are moved to ${to}.`,
  balanceAfter: (name: string, available: string) => `${name} has ${available} available.`,
} as const;
