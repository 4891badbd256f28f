/**
 * Hides the passwords of addresses (`http://user:password@host`) in what is shown or logged.
 * scripts/setup/steps.mjs says the same in plain JavaScript.
 */
export function maskPasswords(text: string): string {
  return text.replace(/(:\/\/[^\s/:@'"]*):[^\s/'"]*@/g, '$1:***@');
}
