// SPDX-License-Identifier: Apache-2.0
#include "sources/text/ps_parse.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "linux/task_state.hpp"
#include "util/scan.hpp"

namespace unzap::text {
namespace {

bool is_number(std::string_view word) {
  return !word.empty() && std::all_of(word.begin(), word.end(), is_digit);
}

bool is_stat(std::string_view word) {
  if (word.empty() || word.size() > 6 || !is_task_state(word[0])) return false;
  return word.find_first_not_of("<NLsl+", 1) == std::string_view::npos;
}

bool is_tty(std::string_view word) {
  return word == "?" || word == "-" || word.starts_with("pts/") || word.starts_with("tty") ||
         word.starts_with("console") || word.starts_with("hvc");
}

bool is_time(std::string_view word) {
  const std::size_t colon = word.find(':');
  return colon != std::string_view::npos && colon > 0 && is_digit(word[0]) && is_digit(word.back());
}

bool is_decimal(std::string_view word) {
  return !word.empty() && is_digit(word[0]) &&
         word.find_first_not_of("0123456789.,") == std::string_view::npos;
}

Reading<double> decimal(std::string_view word) {
  const auto whole = eat_number<std::uint32_t>(word);
  if (!whole) return {};
  double value = *whole;
  if (eat(word, ".") || eat(word, ",")) {
    double scale = 1;
    for (const char c : word.substr(0, 4)) {
      if (!is_digit(c)) break;
      value = value * 10 + (c - '0');
      scale *= 10;
    }
    value /= scale;
  }
  return value;
}

/// A header word or an -o keyword, in capitals.
Column column_of(std::string_view name) {
  struct Known {
    std::string_view name;
    Column column;
  };
  constexpr Known k_known[] = {
      {"PID", Column::pid},         {"TGID", Column::tgid},        {"LWP", Column::tid},
      {"TID", Column::tid},         {"SPID", Column::tid},         {"PPID", Column::ppid},
      {"S", Column::state},         {"STATE", Column::state},      {"STAT", Column::stat},
      {"WCHAN", Column::wchan},     {"PSR", Column::processor},    {"P", Column::processor},
      {"CPUID", Column::processor}, {"%CPU", Column::cpu_percent}, {"PCPU", Column::cpu_percent},
      {"NLWP", Column::threads},    {"THCNT", Column::threads},    {"F", Column::flags},
      {"FLAGS", Column::flags},     {"PIDNS", Column::pidns},      {"MNTNS", Column::mntns},
      {"START", Column::date},      {"STARTED", Column::date},     {"LSTART", Column::date},
      {"STIME", Column::date},      {"BSDSTART", Column::date},    {"START_TIME", Column::date},
      {"COMM", Column::comm},       {"UCOMM", Column::comm},       {"UCMD", Column::comm},
      {"COMMAND", Column::command}, {"CMD", Column::command},      {"ARGS", Column::command}};
  for (const Known& known : k_known)
    if (known.name == name) return known.column;
  return Column::other;
}

bool takes_rest(Column column) {
  return column == Column::comm || column == Column::command;
}

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return out;
}

constexpr Column O = Column::other;

/// What ps shows for its usual flags.
struct KnownLayouts {
  using enum Column;
  PsLayout aux{{O, pid, cpu_percent, O, O, O, O, stat, date, O, command}, true, false};
  PsLayout ef{{O, pid, ppid, O, date, O, O, command}, true, false};
  PsLayout elf{{O, pid, ppid, tid, O, threads, date, O, O, command}, true, false};
  PsLayout axl{{O, O, pid, ppid, O, O, O, O, wchan, stat, O, O, command}, true, false};
  PsLayout axj{{ppid, pid, O, O, O, O, stat, O, O, command}, true, false};
  PsLayout ax{{pid, O, stat, O, command}, true, false};
  PsLayout plain{{pid, O, O, command}, true, false};
  PsLayout sleeping{{pid, ppid, stat, wchan, command}, false, false};
  PsLayout shortest{{pid, ppid, stat, command}, false, false};
};

const KnownLayouts& known_layouts() {
  static const KnownLayouts k_layouts;
  return k_layouts;
}

/// `args` is a list as -o takes it: "pid,ppid,stat,wchan:32,comm", "pid=,comm=".
void add_format(std::string_view list, PsLayout& layout) {
  while (!list.empty()) {
    std::string_view name = eat_while(list, [](char c) { return c != ','; });
    eat(list, ",");
    name = name.substr(0, name.find_first_of(":="));
    while (!name.empty() && (name.front() == '"' || name.front() == '\'')) name.remove_prefix(1);
    while (!name.empty() && (name.back() == '"' || name.back() == '\'')) name.remove_suffix(1);
    if (name.empty()) continue;
    const std::string word = upper(name);
    layout.columns.push_back(column_of(word));
    if (layout.columns.size() > 1 && takes_rest(layout.columns.back()))
      layout.time_before_command |= word != "COMM" && layout.columns.size() > 1;
  }
}

/// The rest of a date of which `word` is the first word: "Jan 22", "Wed Jul  3 16:39:34 2024".
void eat_rest_of_date(std::string_view word, std::string_view& rest) {
  if (word.size() != 3 || !is_upper(word[0]) || !is_letter(word[2])) return;
  const std::string_view next = eat_word(rest);
  if (next.empty() || !is_letter(next[0])) return;
  for (int i = 0; i < 3; ++i) eat_word(rest);
}

void read_command(std::string_view text, bool is_comm, PsRow& row) {
  // The branches of a tree: "\_ ", "|   \_ ".
  std::size_t art = 0;
  while (art < text.size() && (is_blank(text[art]) || text[art] == '|' || text[art] == '`' ||
                               (text[art] == '\\' && art + 1 < text.size() && text[art + 1] == '_') ||
                               (text[art] == '_' && art > 0 && text[art - 1] == '\\')))
    ++art;
  row.in_tree = text.substr(0, art).find("\\_") != std::string_view::npos;
  row.depth = art;
  text = trim(text.substr(art));
  if (const std::size_t at = text.find("<defunct>"); at != std::string_view::npos) {
    row.defunct = true;
    text = trim(text.substr(0, at));
    row.comm_is_kernels = true;
  }
  if (text.size() > 2 && text.front() == '[' && text.back() == ']') {
    row.comm = text.substr(1, text.size() - 2);
    row.comm_is_kernels = true;
    return;
  }
  if (is_comm || row.comm_is_kernels || text.empty()) {
    row.comm = text;
    row.comm_is_kernels = !text.empty();
    return;
  }
  std::string_view word = text.substr(0, text.find_first_of(" \t"));
  // A path, but not ksoftirqd/3.
  const std::size_t slash = word.rfind('/');
  if ((word[0] == '/' || word[0] == '.') && slash != std::string_view::npos && slash + 1 < word.size())
    word.remove_prefix(slash + 1);
  if (word.starts_with('-') && word.size() > 1) word.remove_prefix(1);
  if (word.ends_with(':')) word.remove_suffix(1);
  row.comm = word;
}

bool read_column(Column column, std::string_view word, PsRow& row) {
  const auto number = parse_number<std::int32_t>(word);
  switch (column) {
    case Column::pid:
    case Column::tgid:
      if (!task_number(number)) return false;
      row.pid = *number;
      return true;
    case Column::tid:
      if (!task_number(number)) return false;
      row.tid = *number;
      return true;
    case Column::ppid:
      if (!number) return false;
      row.ppid = *number;
      return true;
    case Column::state:
    case Column::stat:
      if (!is_stat(word)) return false;
      row.state = word[0];
      if (column == Column::stat) row.multi_threaded = word.find('l') != std::string_view::npos;
      return true;
    case Column::wchan:
      if (word != "-" && word != "?" && word != "0" && !is_digit(word[0])) row.wchan = word;
      return true;
    case Column::processor:
      if (number) row.processor = *number;
      return true;
    case Column::threads:
      if (number) row.threads = *number;
      return true;
    case Column::cpu_percent: row.cpu_percent = decimal(word); return true;
    case Column::pidns:
      if (const auto inode = parse_number<std::uint64_t>(word)) row.pid_ns = *inode;
      return true;
    case Column::mntns:
      if (const auto inode = parse_number<std::uint64_t>(word)) row.mnt_ns = *inode;
      return true;
    default: return true;
  }
}

}  // namespace

std::optional<PsLayout> parse_ps_header(std::string_view line) {
  PsLayout layout;
  int known = 0;
  bool has_task = false;
  bool last_is_time = false;
  const std::string_view text = trim(line);
  if (text.size() > 400 || text.empty() || !(is_upper(text[0]) || text[0] == '%')) return std::nullopt;
  for (const std::string_view word : split_words(text)) {
    if (word.find_first_of("abcdefghijklmnopqrstuvwxyz,:") != std::string_view::npos) return std::nullopt;
    if (word == "FD" || word == "DEVICE" || word == "NODE" || word == "NAME" || word == "IMAGE")
      return std::nullopt;
    const Column column = column_of(word);
    if (column != O) ++known;
    has_task |=
        column == Column::pid || column == Column::tid || column == Column::tgid || column == Column::ppid;
    if (takes_rest(column)) layout.time_before_command = last_is_time;
    last_is_time = word == "TIME" || word == "TIME+";
    layout.columns.push_back(column);
  }
  if (!has_task || known < 2) return std::nullopt;
  layout.stated = true;
  return layout;
}

std::optional<PsLayout> parse_ps_command(std::string_view command) {
  std::string_view rest = command;
  if (eat(rest, "sudo ")) skip_blanks(rest);
  if (!eat(rest, "ps ")) {
    const std::size_t at = rest.find(" ps ");
    if (at == std::string_view::npos) return std::nullopt;
    rest.remove_prefix(at + 4);
  }
  rest = rest.substr(0, rest.find('|'));
  PsLayout layout;
  std::string letters;
  const std::vector<std::string_view> words = split_words(rest);
  for (std::size_t i = 0; i < words.size(); ++i) {
    std::string_view word = words[i];
    const bool dashed = eat(word, "-");
    if (eat(word, "-format=") || eat(word, "-format")) {
      add_format(word.empty() && i + 1 < words.size() ? words[++i] : word, layout);
    } else if (!word.empty() && (word.back() == 'o' || word.back() == 'O') && i + 1 < words.size() &&
               word.size() < 8 && std::all_of(word.begin(), word.end(), is_letter)) {
      add_format(words[++i], layout);
    } else if (dashed && word.size() > 1 && word[0] == 'o') {
      add_format(word.substr(1), layout);
    } else if (std::all_of(word.begin(), word.end(), is_letter) && word.size() < 8) {
      letters += dashed ? "-" : "";
      letters += word;
    }
  }
  layout.stated = true;
  if (!layout.columns.empty()) return layout;
  layout.stated = false;
  const auto has = [&](char c) { return letters.find(c) != std::string::npos; };
  const KnownLayouts& known = known_layouts();
  if (has('-') && has('f')) return has('L') ? known.elf : known.ef;
  if (has('-')) return std::nullopt;
  if (has('l')) return known.axl;
  if (has('j')) return known.axj;
  if (has('u')) return known.aux;
  return std::nullopt;
}

const PsLayout* guess_ps_layout(std::string_view row) {
  std::string_view rest = row.substr(0, 400);
  std::array<std::string_view, 12> w;
  std::size_t words = 0;
  while (words < w.size()) {
    w[words] = eat_word(rest);
    if (w[words].empty()) break;
    ++words;
  }
  if (words < 4) return nullptr;
  const auto num = [&](std::size_t i) { return i < words && is_number(w[i]); };
  const auto tty = [&](std::size_t i) { return i < words && is_tty(w[i]); };
  const auto time = [&](std::size_t i) { return i < words && is_time(w[i]); };
  const auto stat = [&](std::size_t i) { return i < words && is_stat(w[i]); };
  const KnownLayouts& known = known_layouts();
  if (num(1) && is_decimal(w[2]) && is_decimal(w[3]) && contains(w[2], ".") && num(4) && num(5) && tty(6) &&
      stat(7))
    return &known.aux;
  if (num(1) && num(2) && num(3) && num(4) && num(5) && tty(7) && time(8)) return &known.elf;
  if (num(1) && num(2) && num(3) && w[3].size() <= 3 && tty(5) && time(6)) return &known.ef;
  if (num(0) && num(1) && num(2) && num(3) && num(6) && num(7) && stat(9) && tty(10)) return &known.axl;
  if (num(0) && num(1) && num(2) && num(3) && tty(4) && stat(6) && time(8)) return &known.axj;
  if (num(0) && tty(1) && stat(2) && time(3)) return &known.ax;
  if (num(0) && tty(1) && time(2) && w[2].size() >= 8) return &known.plain;
  if (!num(0) || !num(1) || !stat(2)) return nullptr;
  // A symbol or a dash before the name is the place where it sleeps.
  return words > 4 && (w[3] == "-" || contains(w[3], "_")) ? &known.sleeping : &known.shortest;
}

std::optional<PsRow> parse_ps_row(std::string_view row, const PsLayout& layout) {
  constexpr std::size_t k_most = 2048;
  std::string_view rest = row.substr(0, k_most);
  const std::size_t columns = layout.columns.size();
  std::size_t rest_at = 0;
  while (rest_at < columns && !takes_rest(layout.columns[rest_at])) ++rest_at;
  PsRow out;
  std::size_t column = 0;
  for (; column < rest_at; ++column) {
    const std::string_view word = eat_word(rest);
    if (word.empty()) break;
    if (!read_column(layout.columns[column], word, out)) return std::nullopt;
    if (layout.columns[column] == Column::date) eat_rest_of_date(word, rest);
  }
  if (column < rest_at && column + 3 < columns && !out.pid && !out.tid) return std::nullopt;
  if (!out.pid && !out.tid && !out.ppid && !out.state) return std::nullopt;
  if (rest_at >= columns || trim(rest).empty()) return out;
  // What stands behind the command is read from the right; the command has the middle.
  const auto begin = static_cast<std::size_t>(rest.data() - row.data());
  for (std::size_t behind = columns - 1; behind > rest_at; --behind) {
    std::string_view shorter = rest;
    const std::string_view word = eat_last_word(shorter);
    if (trim(shorter).empty()) break;
    if (!read_column(layout.columns[behind], word, out)) return std::nullopt;
    rest = shorter;
  }
  read_command(rest, layout.columns[rest_at] == Column::comm, out);
  if (!layout.time_before_command) out.depth = *out.depth + begin;
  return out;
}

}  // namespace unzap::text
