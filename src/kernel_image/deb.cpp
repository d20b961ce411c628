// SPDX-License-Identifier: Apache-2.0
#include "kernel_image/deb.hpp"

#include <fmt/format.h>

#include <functional>
#include <string_view>

#include "kernel_image/decompress.hpp"
#include "util/text.hpp"

namespace unzap {
namespace {

constexpr std::string_view k_ar_magic = "!<arch>\n";
constexpr std::size_t k_ar_head = 60;
constexpr std::size_t k_tar_block = 512;
constexpr std::size_t k_max_unpacked = std::size_t{96} << 20;
constexpr std::size_t k_max_image = std::size_t{64} << 20;
constexpr std::size_t k_max_text = std::size_t{4} << 20;

Error bad_package(std::string why) {
  return {ErrorKind::bad_data, std::move(why), "", "get the package again, or give its boot/vmlinuz-*"};
}

/// The first member of an ar archive whose name begins with `prefix`.
struct Member {
  std::string_view name;
  ByteView bytes;
};
std::optional<Member> find_member(ByteView bytes, std::string_view prefix) {
  for (std::size_t at = k_ar_magic.size(); bytes.size() - std::min(at, bytes.size()) >= k_ar_head;) {
    const std::string_view head = text_of(bytes.subspan(at, k_ar_head));
    const auto size = parse_number<std::uint64_t>(trim(head.substr(48, 10)));
    const auto part = size ? part_of(bytes, at + k_ar_head, *size) : std::nullopt;
    if (!part || head.substr(58) != "`\n") return std::nullopt;
    std::string_view member = trim(head.substr(0, 16));
    if (member.ends_with('/')) member.remove_suffix(1);
    if (member.starts_with(prefix)) return Member{member, *part};
    at += k_ar_head + *size + (*size & 1);
  }
  return std::nullopt;
}

/// Reads a tar as it comes out of the decompressor and keeps the files that are wanted.
class TarReader {
 public:
  /// How many bytes of the file `name` are to be kept; 0: none.
  using Limit = std::function<std::size_t(std::string_view name)>;
  /// A file that was kept; false: no more files are wanted.
  using Take = std::function<bool(std::string_view name, std::string bytes)>;
  TarReader(Limit limit, Take take) : limit_(std::move(limit)), take_(std::move(take)) {}

  /// False: no more is wanted, or the archive is damaged, or the limit is reached.
  bool feed(ByteView bytes) {
    seen_ += bytes.size();
    while (!bytes.empty()) {
      const std::size_t wanted = in_file_ ? left_ : k_tar_block - head_.size();
      const std::size_t size = std::min(wanted, bytes.size());
      if (!in_file_)
        head_.append(text_of(bytes.first(size)));
      else
        add_to_file(bytes.first(size));
      bytes = bytes.subspan(size);
      if (!in_file_ && head_.size() == k_tar_block && !read_head()) return false;
      if (in_file_ && left_ == 0 && !end_file()) return false;
    }
    if (seen_ > k_max_unpacked)
      problem_ = fmt::format("nothing of interest in its first {} MiB", k_max_unpacked >> 20);
    return problem_.empty();
  }
  const std::string& problem() const { return problem_; }

 private:
  bool read_head() {
    const std::string_view head = head_;
    const std::string_view digits = trim(head.substr(124, 12).substr(0, head.substr(124, 12).find('\0')));
    const auto size = parse_number<std::uint64_t>(digits, 8);
    if (head.find_first_not_of('\0') == std::string_view::npos) {
      head_.clear();  // the end of an archive is two such blocks
      return true;
    }
    if (head.substr(257, 5) != "ustar" || !size) {
      problem_ = "it is not a tar";
      return false;
    }
    name_ = head.substr(0, 100).substr(0, head.substr(0, 100).find('\0'));
    if (name_.starts_with("./")) name_.erase(0, 2);
    const char type = head[156];
    keep_ = type == '0' || type == '\0' ? limit_(name_) : 0;
    if (keep_ > 0 && *size > keep_) {
      problem_ = fmt::format("its {} is larger than {} MiB", printable(name_), keep_ >> 20);
      return false;
    }
    size_ = *size;
    left_ = (*size + k_tar_block - 1) / k_tar_block * k_tar_block;
    in_file_ = true;
    head_.clear();
    file_.clear();
    return true;
  }
  void add_to_file(ByteView bytes) {
    if (keep_ > 0) file_.append(text_of(bytes));
    left_ -= bytes.size();
  }
  bool end_file() {
    in_file_ = false;
    if (keep_ == 0) return true;
    file_.resize(size_);
    return take_(name_, std::move(file_));
  }

  Limit limit_;
  Take take_;
  std::string head_, name_, file_, problem_;
  std::size_t seen_ = 0, left_ = 0, size_ = 0, keep_ = 0;
  bool in_file_ = false;
};

/// Runs the tar of the member `prefix`.tar.* through `reader`.
Result<bool> read_member(ByteView package, std::string_view prefix, TarReader& reader) {
  const auto member = find_member(package, prefix);
  if (!member) return bad_package(fmt::format("the package has no whole {}*", prefix));
  const Compression compression = compression_of(member->bytes);
  const Sink sink = [&reader](ByteView piece) { return reader.feed(piece); };
  if (compression == Compression::none) {
    sink(member->bytes);
  } else {
    const Result<bool> done = decompress(compression, member->bytes, sink);
    if (!done) return bad_package(fmt::format("{}: {}", member->name, done.error().message));
  }
  if (!reader.problem().empty())
    return bad_package(fmt::format("{} of the package: {}", member->name, reader.problem()));
  return true;
}

/// "Version: 6.1.170-3" of the control file.
std::string control_field(std::string_view control, std::string_view field) {
  while (!control.empty()) {
    const std::size_t end = std::min(control.find('\n'), control.size());
    const std::string_view line = control.substr(0, end);
    control.remove_prefix(std::min(end + 1, control.size()));
    if (line.starts_with(field) && line.substr(field.size()).starts_with(':'))
      return printable(trim(line.substr(field.size() + 1)), 128);
  }
  return {};
}

}  // namespace

bool looks_like_deb(ByteView bytes) {
  return text_of(bytes).starts_with(k_ar_magic);
}

Result<DebKernel> read_deb(ByteView bytes) {
  DebKernel out;
  TarReader control([](std::string_view name) { return name == "control" ? k_max_text : 0; },
                    [&out](std::string_view, std::string text) {
                      out.package = control_field(text, "Package");
                      out.version = control_field(text, "Version");
                      return false;
                    });
  // Without its name and version the package still has its kernel.
  (void)read_member(bytes, "control.tar", control);
  const auto limit = [](std::string_view name) {
    if (name.starts_with("boot/vmlinu")) return k_max_image;
    return name.starts_with("boot/config-") ? k_max_text : 0;
  };
  // dpkg-deb sorts by name, so that the config comes before the image.
  TarReader data(limit, [&out](std::string_view name, std::string file) {
    const bool config = name.starts_with("boot/config-");
    (config ? out.config_name : out.image_name) = std::string(name);
    (config ? out.config : out.image) = std::move(file);
    return config;
  });
  const Result<bool> done = read_member(bytes, "data.tar", data);
  if (!done) return done.error();
  if (out.image.empty())
    return bad_package(out.package.empty() ? "the package holds no boot/vmlinuz-*"
                                           : out.package + " holds no boot/vmlinuz-*");
  return out;
}

}  // namespace unzap
