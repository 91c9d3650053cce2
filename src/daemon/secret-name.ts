/** Whether a name says that what stands under it is a secret, whatever it looks like: for what nobody needs to read. */

const secretName =
  /(?:token|authorization|cookie|passw(?:or)?d|(?<!^(?:old)?)pwd|passphrase|secret|credential|(?:api|access|private|preshared|secret|auth|signing|encryption|master|account|door)[-_ ]?key)s?$/i;

/** By its end, in any of the usual spellings: `hookToken`, `API-KEY`, `private_key`, `set-cookie`. `PWD` alone is where a shell stands. */
export function isSecretName(name: string): boolean {
  return secretName.test(name.slice(-64));
}
