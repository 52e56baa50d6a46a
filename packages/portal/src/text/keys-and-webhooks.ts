/** Words of changing a key, and of the acts upon a webhook that are asked about first. */
export const changeKeyText = {
  edit: 'Edit',
  editNamed: (name: string) => `Edit ${name}`,
  saveKey: 'Save key',
  atLimit: (used: string) =>
    `It has used ${used} in this period already: with this limit it is refused until the next one begins.`,
  limitLeaves: (used: string, left: string) => `It has used ${used} in this period; this limit leaves ${left}.`,
  noLimit: (used: string) => `It has used ${used} in this period, and has no limit of its own.`,
  revives: 'An expired key works again from the moment that this is saved.',
} as const;

export const webhookActsText = {
  rotateTitle: 'Rotate the webhook secret',
  rotateConsequence:
    'You get a new secret, shown once. For 24 hours events are signed with both, so that nothing is lost while your server changes over; then the old one is worth nothing. A secret that still ran out from a rotation before ends now.',
  removeTitle: 'Remove the webhook endpoint',
  removeConsequence: (url: string) => `Nothing is posted to ${url} any more, and its secret is gone.`,
  pending: (count: number, figures: string) =>
    count === 0
      ? 'No event is waiting to be sent.'
      : `${figures} ${count === 1 ? 'event of those listed is' : 'events of those listed are'} still to be sent: they fail.`,
} as const;
