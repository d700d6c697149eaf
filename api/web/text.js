// Words in three levels: Japanese, easy Japanese (やさしい日本語, spaced, with readings), English. One word per concept.

const WORDS = {
  skip: ["地点の一覧へ", "ばしょの いちらんへ", "Skip to stations"],
  language: ["ことば", "ことば", "Language"],
  loading: ["読み込んでいます…", "よんでいます…", "Loading…"],
  lost: ["画面が古い可能性があります", "この 画面（がめん）は 古（ふる）い かもしれません", "This screen may be out of date"],
  lost_more: ["つながると、自動で新しくなります。", "つながると 新（あたら）しく なります。", "It will catch up by itself once connected."],
  alerts: ["お知らせ", "お知（し）らせ", "Notices"],
  stations: ["地点", "ばしょ", "Stations"],
  chart: ["グラフ", "グラフ", "Chart"],
  system: ["しくみの状態", "しくみの ようす", "How the system is"],
  my_name: ["確認するときの名前", "かくにん する 人（ひと）の 名前（なまえ）", "Name used when acknowledging"],
  my_name_hint: ["例: 役場 当番", "れい: 役場（やくば）", "e.g. duty desk"],
  my_name_default: ["画面から", "画面（がめん）から", "from the page"],
  reference: [
    "値は参考です。警報・注意報は気象庁の発表をご確認ください。",
    "この 数字（すうじ）は さんこう です。大事（だいじ）な お知らせは 気象庁（きしょうちょう）を 見（み）てください。",
    "Values are for reference. See the Japan Meteorological Agency for official warnings.",
  ],
  updated: ["{time} 現在", "{time} の ようす", "As of {time}"],
  updated_fast: ["{time} 現在（記録を {speed} 倍の速さで再生中）", "{time} の ようす（{speed}ばい はやい）", "As of {time} (recorded data at {speed}× speed)"],

  sum_alarm: ["すぐに確認が必要なお知らせが {n} 件あります", "すぐ 見（み）てほしい お知らせが {n}こ あります", "Notices that need attention now: {n}"],
  sum_warning: ["確認が必要なお知らせが {n} 件あります", "見（み）てほしい お知らせが {n}こ あります", "Notices to look at: {n}"],
  sum_seen: ["お知らせ {n} 件は、すべて確認済みです", "お知らせ {n}こは ぜんぶ かくにん しました", "All open notices ({n}) have been acknowledged"],
  sum_unknown: ["{n} か所から情報が届いていません", "{n}かしょから 情報（じょうほう）が 来（き）ていません", "Stations from which nothing is heard: {n}"],
  sum_late: ["{n} か所の更新が遅れています", "{n}かしょの 情報（じょうほう）が おそくなっています", "Late stations: {n}"],
  sum_ok: ["すべての地点から届いています", "ぜんぶの ばしょから 情報（じょうほう）が 来（き）ています", "All stations are reporting"],
  sum_lost: ["いまの状態は分かりません", "いまの ようすは わかりません", "The present state is not known"],
  sum_none: ["地点がまだ登録されていません", "ばしょが まだ ありません", "No stations yet"],

  state_ok: ["平常", "いつもどおり", "OK"],
  state_late: ["遅れています", "おそくなっています", "Late"],
  state_unknown: ["不明", "わかりません", "Unknown"],
  state_muted: ["通知を休止中", "お知らせを 止（と）めています", "Muted"],
  state_warning: ["お知らせ", "お知（し）らせ", "Notice"],
  state_alarm: ["至急確認", "すぐ 見（み）てください", "Urgent"],
  state_fault: ["故障", "こわれています", "Fault"],
  muted_until: ["{by} が {time} まで休止", "{by} が {time} まで 止（と）めています", "Muted by {by} until {time}"],
  seen_word: ["確認済み", "かくにん しました", "Acknowledged"],

  domain_snow: ["雪", "雪（ゆき）", "Snow"],
  domain_wildlife: ["わな・鳥獣", "わな・どうぶつ", "Wildlife"],
  domain_watch: ["見守り", "見守（みまも）り", "Watch service"],
  domain_system: ["機器", "きかい", "Equipment"],

  stopped: ["更新が止まっています", "新（あたら）しい 情報（じょうほう）が 来（き）ていません", "No longer updating"],
  never: ["まだ届いていません", "まだ 来（き）ていません", "Nothing received yet"],
  last_value: ["最後の値", "さいごの 数字（すうじ）", "Last value"],
  unusable: ["測れません", "はかれません", "No valid value"],
  no_values: ["表示する値はまだありません", "まだ ありません", "No values to show yet"],
  more_devices: ["ほか {n} 台は正常に届いています", "ほか {n}だいは とどいています", "{n} more reporting"],

  active: ["動きの記録あり", "うごいています", "Movement recorded"],
  quiet: ["静か", "しずか です", "Quiet"],
  activity_unknown: ["分かりません", "わかりません", "Not known"],
  activity: ["ようす", "ようす", "Activity"],
  trap: ["わな", "わな", "Trap"],
  fired: ["作動しました", "わなが うごきました", "Fired"],
  check: ["要確認", "見（み）てください", "To be checked"],
  armed: ["待機中", "まっています", "Set"],
  open: ["開", "あいています", "Open"],
  closed: ["閉", "しまっています", "Closed"],
  moving: ["動きあり", "うごきが あります", "Movement"],
  still: ["動きなし", "うごきが ありません", "No movement"],

  age: ["{age}", "{age}", "{age}"],
  age_value: ["{age}の値", "{age}の 数字（すうじ）", "value from {age}"],
  age_heard: ["最後に届いたのは {age}", "さいごに 来（き）たのは {age}", "last heard {age}"],
  just_now: ["たった今", "いま", "just now"],
  seconds: ["{n}秒前", "{n}びょう前（まえ）", "{n} s ago"],
  minutes: ["{n}分前", "{n}分（ふん）前（まえ）", "{n} min ago"],
  hours: ["{n}時間前", "{n}じかん前（まえ）", "{n} h ago"],
  days: ["{n}日前", "{n}にち前（まえ）", "{n} days ago"],

  no_alerts: ["いまお知らせはありません", "いま お知らせは ありません", "No notices at present"],
  acknowledge: ["確認しました", "かくにん しました", "I have seen it"],
  sending: ["送っています…", "おくっています…", "Sending…"],
  seen: ["確認済み {by} {time}", "かくにん しました {by} {time}", "Acknowledged {by} {time}"],
  ack_failed: ["送れませんでした。もう一度押してください。", "おくれませんでした。もう いちど おしてください。", "Not sent. Please press again."],
  opened: ["{time} から", "{time} から", "since {time}"],
  value_limit: ["値 {value}（基準 {limit}）", "数字（すうじ） {value}（きじゅん {limit}）", "value {value} (threshold {limit})"],
  resolved: ["おさまりました", "おわりました", "Resolved"],

  series: ["表示する項目", "みる もの", "Series"],
  hours_24: ["24時間", "24じかん", "24 h"],
  hours_48: ["48時間", "48じかん", "48 h"],
  span: ["期間", "じかん", "Period"],
  no_series: ["グラフにできる記録はまだありません", "グラフは まだ ありません", "Nothing to draw yet"],
  no_points: ["この期間の記録はありません", "この じかんの きろくは ありません", "No records in this period"],
  chart_text: [
    "{place} {title}。{from} から {to}。最小 {min}、最大 {max}、最新 {last}。{gaps}",
    "{place} {title}。{from} から {to}。いちばん 小（ちい）さい {min}、いちばん 大（おお）きい {max}、いま {last}。{gaps}",
    "{place} {title}. {from} to {to}. Lowest {min}, highest {max}, newest {last}. {gaps}",
  ],
  gaps: ["記録のない時間が {n} か所あります。", "きろくが ない じかんが {n}かしょ あります。", "Gaps without records: {n}."],
  gap: ["記録なし", "きろくなし", "no record"],
  chart_hint: ["左右の矢印キーで値を読めます", "やじるしの キーで 数字（すうじ）を 見（み）られます", "Arrow keys read the values"],
  readout: ["{time}　{value}（{min}〜{max}）", "{time}　{value}（{min}〜{max}）", "{time}: {value} ({min} to {max})"],
  table: ["表で見る", "ひょうで 見（み）る", "Show as a table"],
  time: ["時刻", "じこく", "Time"],
  mean: ["平均", "へいきん", "Mean"],
  min: ["最小", "いちばん 小（ちい）さい", "Lowest"],
  max: ["最大", "いちばん 大（おお）きい", "Highest"],

  quarantine_none: ["読めなかったデータはありません", "よめなかった データは ありません", "No unreadable data"],
  quarantine: ["読めなかったデータ {n} 件", "よめなかった データ {n}こ", "Unreadable data: {n}"],
  counted: ["捨てた・重なった・やり直した記録 {n} 種類", "すてた・かさなった・やりなおした きろく {n}しゅるい", "Dropped, repeated or done again: {n} kinds"],
  counted_what: ["内容", "なにが", "What"],
  counted_n: ["回数", "かいすう", "Count"],
  reason_undecodable: ["読めない形式", "よめない かたち", "Does not decode"],
  reason_wrong_unit: ["単位の違い", "たんいが ちがう", "Wrong unit"],
  reason_out_of_range: ["範囲の外", "はんいの そと", "Out of range"],
  reason_future: ["未来の時刻", "さきの じこく", "Time in the future"],
  reason_before_2015: ["古すぎる時刻", "ふるすぎる じこく", "Time before 2015"],
  reason_unknown_device: ["登録のない機器", "しらない きかい", "Unknown device"],
  reason_unknown_quantity: ["登録のない項目", "しらない こうもく", "Unknown quantity"],
  reason_oversize: ["大きすぎる", "おおきすぎる", "Too large"],
  reason_conflict: ["値の食い違い", "あたいの くいちがい", "Conflicting values"],
  reason_journal_damaged: ["記録ファイルの破損", "きろくが こわれた", "Damaged journal file"],
  reason: ["理由", "りゆう", "Reason"],
  detail: ["内容", "ないよう", "Detail"],
  source: ["送り元", "おくったところ", "From"],
  count: ["件数", "かず", "Count"],
  unit_count: ["件", "こ", ""],

  case_no: ["受付 {no}", "ばんごう {no}", "case {no}"],
  link_title: ["お知らせの確認", "お知（し）らせの かくにん", "Acknowledge a notice"],
  link_wrong: [
    "このリンクは使えません。期限が切れたか、途中で切れている可能性があります。役場へお電話ください。",
    "この リンクは つかえません。役場（やくば）に でんわ してください。",
    "This link cannot be used. It may have expired or been cut short. Please call the office.",
  ],
  link_failed: ["つながりませんでした。もう一度お試しください。", "つながりませんでした。もう いちど おねがいします。", "No connection. Please try again."],
  link_done: ["確認しました。ありがとうございます。", "かくにん しました。ありがとうございます。", "Thank you. It has been recorded."],
  office: ["役場 {phone}", "役場（やくば） {phone}", "Office {phone}"],
};

const LEVELS = ["ja", "ja_easy", "en"];
let chosen = stored("satomori.language", LEVELS) ?? "ja";

function stored(key, allowed) {
  try {
    const value = localStorage.getItem(key);
    return allowed.includes(value) ? value : null;
  } catch {
    return null; // storage may be switched off; the page works without memory
  }
}

export function language() {
  return chosen;
}

/** The entry of a `*_ja`, `*_en` pair in the chosen language. */
export function pick(thing, name) {
  return chosen === "en" ? thing[`${name}_en`] : thing[`${name}_ja`];
}

/** The words of `key` with `{name}` filled in. */
export function t(key, fields = {}) {
  const words = WORDS[key]?.[LEVELS.indexOf(chosen)] ?? key;
  return words.replace(/\{(\w+)\}/g, (whole, name) => String(fields[name] ?? ""));
}

/** The words of `key`, or `otherwise` when there are none. */
export function wordsOr(key, otherwise) {
  return key in WORDS ? t(key) : otherwise;
}

/** Choose a language, remember it, and rewrite the fixed texts of the page. */
export function setLanguage(name) {
  chosen = LEVELS.includes(name) ? name : "ja";
  try {
    localStorage.setItem("satomori.language", chosen);
  } catch {
    // not remembered, still shown
  }
  writeTexts();
}

/** Wire the three language buttons of the page; `redraw` is called after a change. */
export function followLanguage(redraw) {
  for (const input of document.querySelectorAll("#languages input")) {
    input.checked = input.value === chosen;
    input.addEventListener("change", () => {
      setLanguage(input.value);
      redraw();
    });
  }
  writeTexts();
}

/** Write the fixed texts in the chosen language. */
export function writeTexts() {
  document.documentElement.lang = chosen === "en" ? "en" : "ja";
  for (const element of document.querySelectorAll("[data-text]")) element.textContent = t(element.dataset.text);
  for (const element of document.querySelectorAll("[data-hint]")) element.placeholder = t(element.dataset.hint);
}
