import { canOpenBrowser } from '../../base/environment.ts';
import type { CommandRun } from '../command-context.ts';
import type { Screen } from '../screen.ts';

export const dashboard: CommandRun<'dashboard'> = async (args, { daemon, json }) => {
  const { data, notices } = await daemon.call('dashboard.link', {});
  const isShown = !json && !args['no-browser'] && canOpenBrowser() && (await openBrowser(data.url));
  return { data, notices, text: (screen) => linkText(data.url, isShown, screen) };
};

/** @returns whether a browser was asked; whether it could, only the person sees. */
async function openBrowser(url: string): Promise<boolean> {
  const { default: open } = await import('open');
  try {
    const opener = await open(url);
    // It may find no browser after it was started, which is no failure of ours: the link is printed all the same.
    opener.on('error', () => {});
    opener.unref();
    return true;
  } catch {
    return false;
  }
}

function linkText(url: string, isShown: boolean, screen: Screen): string {
  const port = new URL(url).port;
  const how = isShown
    ? 'Opening it in the browser; if nothing shows, open this link:'
    : 'Open this link in a browser:';
  return [
    `${how}\n${screen.paint('bold', url)}\n`,
    'It opens the dashboard once, within ten minutes. The browser then may look for seven days.\n',
    isShown ? '' : `From another machine, first: ssh -L ${port}:127.0.0.1:${port} <this machine>\n`,
  ].join('');
}
