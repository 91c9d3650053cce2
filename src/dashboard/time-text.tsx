import { agoText, durationText } from './duration-text.ts';
import { useClock } from './use-clock.ts';

const clockTime = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const dayAndTime = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' });

/** The time of day here, with the day for whoever points at it. */
export function TimeOfDay({ at }: { readonly at: string }) {
  const time = Date.parse(at);
  if (Number.isNaN(time)) return <span>–</span>;
  return (
    <time dateTime={at} title={dayAndTime.format(time)}>
      {clockTime.format(time)}
    </time>
  );
}

export function TimeAgo({ at }: { readonly at: string }) {
  const time = Date.parse(at);
  const text = useClock((nowMs) => agoText(nowMs - time));
  if (Number.isNaN(time)) return <span>–</span>;
  return (
    <time dateTime={at} title={dayAndTime.format(time)}>
      {text}
    </time>
  );
}

/** How long something has been going on. */
export function TimeSince({ at }: { readonly at: string }) {
  return <span class="ticking">{useClock((nowMs) => durationText(nowMs - Date.parse(at)))}</span>;
}
