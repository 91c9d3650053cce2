import { posix } from 'node:path';

/** Where an origin leads: to a host, as an identity that every spelling of its URL shares, or to a local directory. */
export type Origin =
  | { readonly kind: 'remote'; readonly identity: string }
  | { readonly kind: 'local'; readonly path: string };

/** Hosts whose paths are known to be case-insensitive. Anywhere else `App` and `app` may be two repositories. */
const caseInsensitiveHosts: ReadonlySet<string> = new Set(['github.com', 'gitlab.com', 'bitbucket.org']);

/** Second names of one host: those that serve SSH on port 443 for networks that close port 22. */
const hostAliases: Readonly<Record<string, string>> = {
  'www.github.com': 'github.com',
  'ssh.github.com': 'github.com',
  'altssh.gitlab.com': 'gitlab.com',
  'altssh.bitbucket.org': 'bitbucket.org',
  'ssh.dev.azure.com': 'dev.azure.com',
};

const defaultPorts: Readonly<Record<string, string>> = {
  ssh: '22',
  git: '9418',
  https: '443',
  http: '80',
  ftp: '21',
  ftps: '990',
};

/**
 * Reads a remote URL in any spelling that git takes: `https://user:tok@GitHub.com:443/acme/App.git/`,
 * `git@github.com:acme/App`, `ssh://git@[::1]:2222/~me/app`, `file:///srv/app`, `../app`.
 *
 * The identity is `host[:port]/path` without scheme, user, password, query, default port, `.git` and stray slashes:
 * what is dropped either differs between clones of one repository or may be a secret. undefined for what names
 * neither a host and a path nor a directory (`ext::…`, a bare host, nothing).
 */
export function parseOriginUrl(url: string): Origin | undefined {
  const text = url.trim();
  if (text === '') return undefined;
  // `helper::address` names a transport helper; only the address says which repository it is.
  const helper = /^[A-Za-z0-9-]+::(.*)$/s.exec(text);
  if (helper)
    return /^[a-z][a-z0-9+.-]*:\/\//i.test(helper[1] ?? '') ? parseOriginUrl(helper[1] ?? '') : undefined;
  const withScheme = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/is.exec(text);
  if (withScheme) return fromUrl((withScheme[1] ?? '').toLowerCase(), withScheme[2] ?? '');
  if (/^[A-Za-z]:[\\/]/.test(text)) return { kind: 'local', path: text };
  return fromScpForm(text) ?? { kind: 'local', path: text };
}

function fromUrl(scheme: string, rest: string): Origin | undefined {
  if (scheme === 'file') {
    const path = /^(?:localhost)?(\/.*)$/is.exec(rest)?.[1];
    return path === undefined ? undefined : { kind: 'local', path: percentDecoded(path) };
  }
  const [authority, path] = splitAuthority(rest);
  const transport = scheme.replace(/^git\+|\+git$/, '');
  const place = /^(\[[^\]]*\]|[^:]*)(?::(\d*))?$/.exec(authority);
  if (!place) return undefined;
  // A query may hold a token (`?private_token=…`), and no host tells repositories apart by it.
  const bare = transport === 'https' || transport === 'http' ? path.replace(/[?#].*$/s, '') : path;
  return remote(place[1] ?? '', place[2] ?? '', defaultPorts[transport], percentDecoded(bare));
}

/**
 * `user:password@host:port` off the front, without the user. A password with an unescaped slash moves the end of
 * the authority: then what comes before the slash is no `host[:port]`, and the last `@` is taken as the end.
 */
function splitAuthority(rest: string): [authority: string, path: string] {
  const slash = rest.search(/[/?#]/);
  const end = slash === -1 ? rest.length : slash;
  const front = rest.slice(0, end);
  const authority = front.slice(front.lastIndexOf('@') + 1);
  const plausible = front.includes('@') || /^(\[[^\]]*\]|[^:]*)(:\d*)?$/.test(front);
  if (plausible || !rest.includes('@')) return [authority, rest.slice(end)];
  return splitAuthority(rest.slice(rest.lastIndexOf('@') + 1));
}

/** `[user@]host:path`, also `[host:port]:path`. As git has it, a colon after the first slash belongs to a path. */
function fromScpForm(text: string): Origin | undefined {
  const bracketed = /^(?:[^@/]*@)?\[([^\]]*)\]:(.*)$/s.exec(text);
  if (bracketed) {
    const inner = (bracketed[1] ?? '').replace(/^.*@/, '');
    const withPort = /^([^:]+):(\d+)$/.exec(inner);
    return remote(withPort?.[1] ?? `[${inner}]`, withPort?.[2] ?? '', defaultPorts.ssh, bracketed[2] ?? '');
  }
  // A user part up to the last `@` before the first slash, so that `user:token@host:path` leaks no token.
  const plain = /^(?:[^/]*@)?([^@:/]+):(.*)$/s.exec(text);
  return plain ? remote(plain[1] ?? '', '', defaultPorts.ssh, plain[2] ?? '') : undefined;
}

function remote(
  rawHost: string,
  port: string,
  defaultPort: string | undefined,
  rawPath: string,
): Origin | undefined {
  const spelled = rawHost.toLowerCase().replace(/\.$/, '');
  const host = hostAliases[spelled] ?? spelled;
  // An alias exists for the sake of its port; on the main name that port says nothing.
  const shownPort = port === '' || port === defaultPort || host !== spelled ? '' : `:${Number(port)}`;
  // A mistyped URL (`https:/user:token@host/app`) has its password where a path belongs; no repository is called `a:b@c`.
  let path = rawPath.replace(/(^|\/)[^/:]*:[^/]*@/g, '$1');
  path = posix.normalize(`/${path}`).replace(/^\/+/, '').normalize('NFC');
  if (caseInsensitiveHosts.has(host)) path = path.toLowerCase();
  if (host === 'dev.azure.com') path = path.replace(/^v3\//, '').replace(/\/_git\//, '/');
  path = path
    .replace(/\/+$/, '')
    .replace(/(?:\/\.git|\.git)$/, '')
    .replace(/\/+$/, '');
  if (host === '' || host === '[]' || path === '' || path === '.git') return undefined;
  return { kind: 'remote', identity: `${host}${shownPort}/${path}` };
}

function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // not percent-encoded after all: a lone % is part of the name
  }
}
