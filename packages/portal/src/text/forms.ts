/** The words that forms and secrets share. */
export const forms = {
  wholeAboveZero: 'Give a whole number above 0, without signs or commas.',
  whole: 'Give a whole number, without signs or commas.',
  nameMissing: 'Give it a name.',
  nameTooLong: 'A name has at most 100 characters.',
  secretMissing: 'Give the provider’s secret.',
  datePast: 'Choose today or a later day.',
  share: 'Give a share above 0 and at most 100 %, with at most one decimal.',
  email: 'This is no e-mail address.',
  tooManyEmails: 'At most ten addresses.',
  url: 'Give an address that begins with https://.',
} as const;

export const secret = {
  title: 'Store this secret now',
  once: 'It is shown once. Nobody can show it again: whoever loses it rotates the key.',
  secret: 'secret',
  stored: 'I have stored it',
} as const;
