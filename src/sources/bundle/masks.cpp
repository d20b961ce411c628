// SPDX-License-Identifier: Apache-2.0
#include "sources/bundle/masks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "sources/bundle/redact_words.hpp"
#include "util/text.hpp"

namespace unzap::bundle {
namespace {

constexpr std::size_t k_shortest_id = 32;  // hexadecimal digits: a pod's uid; an address of the kernel has 16
constexpr std::size_t k_most_digits = 7;   // of a count: a pid has 7
constexpr std::size_t k_longest_symbol = 128;  // KSYM_NAME_LEN was 128 before 6.1 and is 512 since

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool word_byte(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}
bool is_count(std::string_view text) {
  return !text.empty() && text.size() <= k_most_digits && std::all_of(text.begin(), text.end(), is_digit);
}
bool is_id(std::string_view text) {
  return text.size() >= k_shortest_id && std::all_of(text.begin(), text.end(), [](char c) {
           return std::isxdigit(static_cast<unsigned char>(c)) != 0;
         });
}
std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

/// "26s", "120ms", "4096kB", "99%", "0.5": a number with a unit, or a fraction.
bool is_quantity(std::string_view text) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  if (!is_count(text.substr(0, digits))) return false;
  std::string_view unit = text.substr(digits);
  if (unit.starts_with('.') && unit.size() > 1 && unit.size() <= 7) {
    unit.remove_prefix(1);
    unit.remove_prefix(std::min(unit.find_first_not_of("0123456789"), unit.size()));
  }
  constexpr std::array<std::string_view, 9> k_units = {"", "s", "ms", "us", "h", "%", "kB", "KiB", "MiB"};
  return std::find(k_units.begin(), k_units.end(), unit) != k_units.end();
}

/// "sda1", "dm-3", "nvme0n1p2", "eth0": letters that name a kind of device, then its number.
bool is_device(std::string_view text) {
  constexpr std::array<std::string_view, 31> k_kinds = {
      "sd",  "hd",   "vd",   "xvd",  "nvme",   "loop", "dm",      "md",   "nbd", "ram", "sr",
      "rbd", "drbd", "zd",   "zram", "mmcblk", "pmem", "bcache",  "eth",  "eno", "ens", "enp",
      "enx", "wlan", "veth", "br",   "docker", "cni",  "flannel", "cali", "bond"};
  return std::any_of(k_kinds.begin(), k_kinds.end(), [&](std::string_view kind) {
    if (!text.starts_with(kind) || text.size() == kind.size()) return false;
    std::string_view rest = text.substr(kind.size());
    if (rest.starts_with('-')) rest.remove_prefix(1);
    if (rest.empty()) return false;
    const bool disk =
        kind.ends_with('d') && kind.size() <= 3 && kind != "md" && kind != "nbd" && kind != "rbd";
    const std::size_t letters = disk ? rest.find_first_not_of("abcdefghijklmnopqrstuvwxyz") : 0;
    if (disk && letters == std::string_view::npos) return rest.size() <= 2;
    return disk ? letters <= 2 && is_count(rest.substr(letters))
                : is_digit(rest[0]) &&
                      rest.find_first_not_of("0123456789abcdefnpsvx-") == std::string_view::npos;
  });
}

/// Parts of `text` between the bytes of `marks`: each goes through `part`, the marks stay.
template <class Part>
std::string by_parts(std::string_view text, std::string_view marks, const Part& part) {
  std::string out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of(marks), text.size());
    if (end > 0) out += part(text.substr(0, end));
    if (end < text.size()) out += text[end];
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

}  // namespace

const std::string& Masks::of(const std::string& kind, std::string_view name) {
  auto& known = masks_[kind];
  if (const auto found = known.find(name); found != known.end()) return found->second;
  const std::string mask = fmt::format("{}-{}", kind, known.size() + 1);
  return known.emplace(std::string(name), mask).first->second;
}

std::string Masks::group_path(std::string_view path) {
  static const std::set<std::string_view> kept = {"..",
                                                  ".",
                                                  "freezer",
                                                  "unified",
                                                  "systemd",
                                                  "cgroup.events",
                                                  "cgroup.freeze",
                                                  "cgroup.kill",
                                                  "freezer.state",
                                                  "freezer.self_freezing"};
  return by_parts(path, "/",
                  [&](auto part) { return kept.contains(part) ? std::string(part) : of("group", part); });
}

std::string Masks::path(std::string_view path) {
  bool below_proc = false;
  return by_parts(path, "/", [&](std::string_view part) {
    const bool number = below_proc && is_count(part);
    below_proc = below_proc || part == "proc";
    if (number || is_path_word(part) || part == "." || part == "..") return std::string(part);
    return is_id(part) ? of("container", part) : of("part", part);
  });
}

std::string Masks::place(std::string_view place) {
  constexpr std::string_view k_cgroups = "/sys/fs/cgroup";
  const std::size_t colon = place.rfind(':');
  const bool has_line = colon != std::string_view::npos && is_count(place.substr(colon + 1));
  const std::string line(has_line ? place.substr(colon) : "");
  if (has_line) place = place.substr(0, colon);
  if (place.starts_with(k_cgroups))
    return std::string(k_cgroups) + group_path(place.substr(k_cgroups.size())) + line;
  return path(place) + line;
}

std::string Masks::symbol(std::string_view name, const std::string& kind) {
  const bool plausible = !name.empty() && name.size() < k_longest_symbol && !is_digit(name.front()) &&
                         std::all_of(name.begin(), name.end(), word_byte);
  if (name.empty() || name == "0" || (plausible && !is_id(name) && !is_device(name)))
    return std::string(name);
  return of(kind, name);
}

std::string Masks::kernel_thread(std::string_view comm) {
  if (std::count(comm.begin(), comm.end(), ':') > 1) return of("comm", comm);  // an address
  const auto word = [&](std::string_view part) {
    std::string_view number = part;
    if (number.starts_with('u')) number.remove_prefix(1);  // kworker/u8:1, kworker/0:1H
    if (number.ends_with('H') || number.ends_with('R')) number.remove_suffix(1);
    return is_count(number) || is_thread_word(lower(part)) ? std::string(part) : of("device", part);
  };
  return by_parts(comm, "/:+", [&](std::string_view part) {
    return is_device(part) ? of("device", part) : by_parts(part, "-_", word);
  });
}

std::string Masks::piece(std::string_view piece) {
  if (const auto name = names_.find(piece); name != names_.end()) return name->second;
  if (is_quantity(piece) || is_plain_word(lower(piece))) return std::string(piece);
  return of("word", piece);
}

std::string Masks::token(std::string_view token) {
  if (token.empty()) return "";
  if (is_quantity(token) || is_plain_word(lower(token))) return std::string(token);
  if (token.starts_with('/')) return place(token);
  if (is_id(token)) return of("container", token);
  const auto count = [&](char c) { return std::count(token.begin(), token.end(), c); };
  // Addresses, names of hosts and of mail boxes: no part of them may stay.
  if (count(':') > 1 || count('.') > 0 || count('@') > 0) return of("word", token);
  return by_parts(token, "=:#()[]{}<>,!\"'`",
                  [&](std::string_view part) { return part.starts_with('/') ? place(part) : piece(part); });
}

void Masks::note_name(std::string_view name, const std::string& mask) {
  // A task may be called "not": that tells nothing, and its mask would turn sentences around.
  if (name.empty() || is_plain_word(lower(name))) return;
  names_.emplace(name, mask);
  lengths_.insert(name.size());
}

/// Masks the longest name of names_ that begins at `at`; 0 when there is none, else its length.
std::size_t Masks::take_name(std::string_view text, std::size_t at, std::string& out) const {
  if (at > 0 && word_byte(text[at - 1]) && word_byte(text[at])) return 0;
  const std::string_view rest = text.substr(at);
  for (const std::size_t length : lengths_) {
    if (length > rest.size()) continue;
    const bool ends = rest.size() == length || !word_byte(rest[length]) || !word_byte(rest[length - 1]);
    const auto name = ends ? names_.find(rest.substr(0, length)) : names_.end();
    if (name == names_.end()) continue;
    out += name->second;
    return length;
  }
  return 0;
}

std::string Masks::sentence(std::string_view text) {
  constexpr std::string_view k_blanks = " \t\r\n";
  constexpr std::string_view k_before = "([{<\"'`*-";
  constexpr std::string_view k_behind = ")]}>\"'`.,;:!?";
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    if (k_blanks.find(text[at]) != std::string_view::npos) {
      out += ' ';
      ++at;
    } else if (k_before.find(text[at]) != std::string_view::npos) {
      out += text[at++];
    } else if (const std::size_t taken = take_name(text, at, out); taken > 0) {
      at += taken;
      // What hangs on to a name is looked at by itself: "comm:10", "comm's".
      if (at < text.size() && k_behind.find(text[at]) != std::string_view::npos) out += text[at++];
    } else {
      std::size_t end = std::min(text.find_first_of(k_blanks, at), text.size());
      // A name may stand inside: "[comm:10]".
      const std::size_t next = end;
      while (end > at && k_behind.find(text[end - 1]) != std::string_view::npos) --end;
      out += token(text.substr(at, end - at));
      out += text.substr(end, next - end);
      at = next;
    }
  }
  return out;
}

std::string release_class(std::string_view text) {
  // "6.1.192", "6.12": what else has dots is an address or a name.
  std::size_t end = std::min(text.find_first_not_of("0123456789."), text.size());
  const auto dots = std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(end), '.');
  const std::size_t major = text.find('.');
  if (dots < 1 || dots > 2 || major == 0 || major > 2) return "x";
  if (end < text.size() && std::string_view("-+_~").find(text[end]) == std::string_view::npos) return "x";
  return std::string(text.substr(0, end)) + by_parts(text.substr(end), "-+_~", [](std::string_view part) {
           const bool numbers = part.find_first_not_of("0123456789.") == std::string_view::npos;
           if (numbers && std::count(part.begin(), part.end(), '.') > 2) return std::string("x");
           return by_parts(part, ".", [](std::string_view word) {
             return is_count(word) || is_release_word(lower(word)) ? std::string(word) : std::string("x");
           });
         });
}

std::string kernel_version_class(std::string_view version) {
  std::string out;
  for (const std::string_view word : split_words(version)) {
    const std::size_t end = std::min(word.find_first_not_of("0123456789", 1), word.size());
    if (word.starts_with('#') && is_count(word.substr(1, end - 1)))
      out += fmt::format("{}{}", out.empty() ? "" : " ", word.substr(0, end));
    else if (is_release_word(lower(word)))
      out += fmt::format("{}{}", out.empty() ? "" : " ", word);
  }
  return out;
}

std::string syscall_number(std::string_view text) {
  const auto words = split_words(text);
  if (words.empty()) return "";
  const std::string_view first = words.front();
  return first == "running" || first == "-1" || is_count(first) ? std::string(first) : "masked";
}

}  // namespace unzap::bundle
