// Times of the market's zone. The chart library knows only UTC, so intraday bars are
// moved by the zone's offset before they are drawn; daily bars carry a date already.

export class MarketClock {
  constructor(zone) {
    this.zone = zone;
    this.parts = new Intl.DateTimeFormat("en-GB", {
      timeZone: zone,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
    this.ofDay = new Intl.DateTimeFormat("en-GB", {
      timeZone: zone,
      hourCycle: "h23",
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
    });
  }

  // Seconds that the zone's wall clock is ahead of UTC at `time`.
  offset(time) {
    const of = Object.fromEntries(
      this.parts.formatToParts(time * 1000).map(({ type, value }) => [type, Number(value)]),
    );
    const wall = Date.UTC(of.year, of.month - 1, of.day, of.hour, of.minute, of.second);
    return wall / 1000 - time;
  }

  timeOfDay(time) {
    return this.ofDay.format(time * 1000);
  }
}

const DAY_NAMES = { timeZone: "UTC", weekday: "short", day: "2-digit", month: "short", year: "numeric" };
const dayFormat = new Intl.DateTimeFormat("en-GB", DAY_NAMES);
const minuteFormat = new Intl.DateTimeFormat("en-GB", {
  ...DAY_NAMES,
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
});

// `drawn` is a time as the chart has it: already the wall clock of the market.
export function describe(drawn, isIntraday) {
  return (isIntraday ? minuteFormat : dayFormat).format(drawn * 1000);
}
