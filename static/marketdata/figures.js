// Figures as the server writes them on the pages (tradingsite/templatetags/figures.py).

import { price as grouped } from "./chart/numbers.js";

export const ABSENT = "\u2013";
const MINUS = "\u2212";
const CRORE = 1e7;
const LAKH = 1e5;
const clockFormat = new Intl.DateTimeFormat("en-GB", {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  timeZone: "Asia/Kolkata",
});

export function price(value, decimals = 2) {
  if (value === null) return ABSENT;
  const text = grouped(Math.abs(value), decimals);
  return Number(value.toFixed(decimals)) < 0 ? MINUS + text : text;
}

export function signed(value, decimals = 2) {
  if (value === null) return ABSENT;
  return Number(value.toFixed(decimals)) > 0 ? `+${price(value, decimals)}` : price(value, decimals);
}

export function compact(value) {
  if (value === null) return ABSENT;
  if (value >= CRORE) return `${(value / CRORE).toFixed(2)} Cr`;
  if (value >= LAKH) return `${(value / LAKH).toFixed(2)} L`;
  return grouped(value, 0);
}

export function change(value) {
  if (value === null) return ABSENT;
  if (!value) return "0";
  return `${value > 0 ? "+" : MINUS}${compact(Math.abs(value))}`;
}

export function percent(value, decimals = 2) {
  return value === null ? ABSENT : price(100 * value, decimals);
}

export function direction(value) {
  return value > 0 ? "up" : value < 0 ? "down" : "flat";
}

export function clock(time) {
  return time ? clockFormat.format(new Date(time)) : ABSENT;
}
