// SPDX-License-Identifier: Apache-2.0
#include "kernel_image/testing.hpp"

#include <elf.h>
#include <fmt/format.h>
#include <lz4hc.h>
#include <lzma.h>
#include <lzo/lzo1x.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cstring>

#include "util/assert.hpp"

namespace unzap::testing_kernel {
namespace {

template <class Int>
std::string little(Int value) {
  std::string out(sizeof value, '\0');
  std::memcpy(out.data(), &value, sizeof value);
  return out;
}
std::string big(std::uint64_t value, int bytes) {
  std::string out;
  for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(i < 8 ? value >> (8 * i) & 0xff : 0);
  return out;
}
void align(std::string& out) {
  out.resize((out.size() + 7) / 8 * 8);
}

const Bytef* bytes(std::string_view text) {
  return reinterpret_cast<const Bytef*>(text.data());
}
std::uint8_t* room(std::string& text) {
  return reinterpret_cast<std::uint8_t*>(text.data());
}

std::string gzip(std::string_view plain) {
  z_stream stream{};
  UNZAP_ASSERT(deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK, "zlib");
  std::string out(deflateBound(&stream, plain.size()) + 64, '\0');
  stream.next_in = const_cast<Bytef*>(bytes(plain));
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = room(out);
  stream.avail_out = static_cast<uInt>(out.size());
  UNZAP_ASSERT(deflate(&stream, Z_FINISH) == Z_STREAM_END, "zlib");
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string lzma(Compression compression, std::string_view plain) {
  std::string out(lzma_stream_buffer_bound(plain.size()) + 1024, '\0');
  std::size_t size = 0;
  if (compression == Compression::xz) {
    UNZAP_ASSERT(lzma_easy_buffer_encode(1, LZMA_CHECK_CRC32, nullptr, bytes(plain), plain.size(), room(out),
                                         &size, out.size()) == LZMA_OK,
                 "liblzma");
  } else {
    lzma_options_lzma options{};
    lzma_lzma_preset(&options, 1);
    lzma_stream stream = LZMA_STREAM_INIT;
    UNZAP_ASSERT(lzma_alone_encoder(&stream, &options) == LZMA_OK, "liblzma");
    stream.next_in = bytes(plain);
    stream.avail_in = plain.size();
    stream.next_out = room(out);
    stream.avail_out = out.size();
    UNZAP_ASSERT(lzma_code(&stream, LZMA_FINISH) == LZMA_STREAM_END, "liblzma");
    size = stream.total_out;
    lzma_end(&stream);
  }
  out.resize(size);
  return out;
}

std::string zstd(std::string_view plain) {
  std::string out(ZSTD_compressBound(plain.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), plain.data(), plain.size(), 3));
  return out;
}

std::string lz4(std::string_view plain) {
  constexpr std::size_t k_block = std::size_t{8} << 20;
  std::string out("\x02\x21\x4c\x18", 4);
  for (std::size_t at = 0; at < plain.size(); at += k_block) {
    const std::string_view part = plain.substr(at, k_block);
    std::string block(static_cast<std::size_t>(LZ4_compressBound(static_cast<int>(part.size()))), '\0');
    const int size = LZ4_compress_HC(part.data(), block.data(), static_cast<int>(part.size()),
                                     static_cast<int>(block.size()), 3);
    out += little(static_cast<std::uint32_t>(size)) + block.substr(0, static_cast<std::size_t>(size));
  }
  return out;
}

/// As lzop writes it: with the checksum of what is packed, which no reader here looks at.
std::string lzo(std::string_view plain) {
  std::string out("\x89LZO\0\r\n\x1a\n", 9);
  out += big(0x1030, 2) + big(0x2080, 2) + big(0x0940, 2) + big(3, 1) + big(9, 1) + big(1, 4) + big(0, 12);
  out += big(0, 1) + big(0, 4);
  constexpr std::size_t k_block = std::size_t{256} << 10;
  std::string work(LZO1X_999_MEM_COMPRESS, '\0');
  for (std::size_t at = 0; at < plain.size(); at += k_block) {
    const std::string_view part = plain.substr(at, k_block);
    std::string block(part.size() + part.size() / 16 + 128, '\0');
    lzo_uint size = block.size();
    lzo1x_999_compress(bytes(part), part.size(), room(block), &size, work.data());
    const bool packed = size < part.size();
    out += big(part.size(), 4) + big(packed ? size : part.size(), 4) + big(0, 4);
    out += packed ? block.substr(0, size) : std::string(part);
  }
  return out + big(0, 4);
}

/// Code and address of a symbol while the tables are written: a name is written letter by letter, each with a
/// token of its own, but for "io_", which stands for every table in which a token is longer.
constexpr std::uint8_t k_long_token = 1;
constexpr std::string_view k_long_text = "io_";

std::string codes_of(std::string_view name) {
  std::string out("T");
  for (std::size_t at = 0; at < name.size();) {
    const bool is_long = name.substr(at).starts_with(k_long_text);
    out += is_long ? static_cast<char>(k_long_token) : name[at];
    at += is_long ? k_long_text.size() : 1;
  }
  return out;
}

std::string token_tables() {
  std::string table;
  std::string index;
  for (int code = 0; code < 256; ++code) {
    index += little(static_cast<std::uint16_t>(table.size()));
    if (code == k_long_token) table += k_long_text;
    if (code > 32 && code < 127) table += static_cast<char>(code);
    table += '\0';
  }
  align(table);
  return table + index;
}

std::string name_tables(const std::vector<TestSymbol>& symbols) {
  std::string out = little(static_cast<std::uint32_t>(symbols.size()));
  align(out);
  std::string names;
  std::string markers;
  for (std::size_t i = 0; i < symbols.size(); ++i) {
    if (i % 256 == 0) markers += little(static_cast<std::uint32_t>(names.size()));
    const std::string codes = codes_of(symbols[i].name);
    if (codes.size() > 127) {
      names += static_cast<char>(0x80 | (codes.size() & 0x7f));
      names += static_cast<char>(codes.size() >> 7);
    } else {
      names += static_cast<char>(codes.size());
    }
    names += codes;
  }
  align(names);
  align(markers);
  return out + names + markers;
}

std::string address_table(const std::vector<TestSymbol>& symbols, KallsymsStyle style, std::uint64_t base) {
  std::string out;
  const bool per_cpu = style != KallsymsStyle::last_plain;
  for (const TestSymbol& symbol : symbols) {
    if (style == KallsymsStyle::absolute)
      out += little(symbol.address);
    else if (symbol.address < base)
      out += little(static_cast<std::uint32_t>(symbol.address));
    else
      out += little(static_cast<std::uint32_t>(per_cpu ? base - 1 - symbol.address : symbol.address - base));
  }
  align(out);
  return style == KallsymsStyle::absolute ? out : out + little(base);
}

}  // namespace

std::string from_hex(std::string_view hex) {
  std::string out;
  std::string digits;
  for (const char c : hex) {
    if (c == ' ') continue;
    digits += c;
    if (digits.size() < 2) continue;
    out += static_cast<char>(std::stoi(digits, nullptr, 16));
    digits.clear();
  }
  return out;
}

std::string pack(Compression compression, std::string_view plain) {
  switch (compression) {
    case Compression::gzip: return gzip(plain);
    case Compression::xz:
    case Compression::lzma: return lzma(compression, plain);
    case Compression::zstd: return zstd(plain);
    case Compression::lz4: return lz4(plain);
    case Compression::lzo: return lzo(plain);
    case Compression::none:
    case Compression::bzip2: break;
  }
  return std::string(plain);
}

std::string kallsyms_tables(const std::vector<TestSymbol>& symbols, KallsymsStyle style, std::uint64_t base) {
  const std::string addresses = address_table(symbols, style, base);
  const std::string names = name_tables(symbols);
  std::string sequence(3 * symbols.size(), '\x5a');
  align(sequence);
  switch (style) {
    case KallsymsStyle::absolute:
    case KallsymsStyle::per_cpu: return addresses + names + token_tables();
    case KallsymsStyle::sequence_inside: return addresses + names + sequence + token_tables();
    case KallsymsStyle::last:
    case KallsymsStyle::last_plain: break;
  }
  return names + token_tables() + addresses + sequence;
}

std::string vmlinux(std::string_view text, std::uint64_t text_address, std::string_view data) {
  constexpr std::size_t k_begin = 0x1000;
  const std::size_t data_begin = (k_begin + text.size() + 0xfff) / 0x1000 * 0x1000;
  Elf64_Ehdr head{};
  std::memcpy(head.e_ident, ELFMAG, SELFMAG);
  head.e_ident[EI_CLASS] = ELFCLASS64;
  head.e_ident[EI_DATA] = ELFDATA2LSB;
  head.e_machine = EM_X86_64;
  head.e_phoff = sizeof head;
  head.e_phentsize = sizeof(Elf64_Phdr);
  head.e_phnum = 2;
  Elf64_Phdr segments[2]{};
  segments[0].p_type = segments[1].p_type = PT_LOAD;
  segments[0].p_offset = k_begin;
  segments[0].p_vaddr = text_address;
  segments[0].p_filesz = segments[0].p_memsz = text.size();
  segments[1].p_offset = data_begin;
  segments[1].p_vaddr = text_address + data_begin - k_begin;
  segments[1].p_filesz = segments[1].p_memsz = data.size();
  std::string out(data_begin + data.size(), '\0');
  std::memcpy(out.data(), &head, sizeof head);
  std::memcpy(out.data() + sizeof head, segments, sizeof segments);
  std::memcpy(out.data() + k_begin, text.data(), text.size());
  std::memcpy(out.data() + data_begin, data.data(), data.size());
  return out;
}

std::string bzimage(std::string_view payload) {
  std::string out(1024 + 512, '\0');
  out[0x1f1] = 1;  // setup sectors, behind the boot sector
  out.replace(0x202, 4, "HdrS");
  out.replace(0x206, 2, little(std::uint16_t{0x020f}));
  out.replace(0x248, 4, little(std::uint32_t{512}));
  out.replace(0x24c, 4, little(static_cast<std::uint32_t>(payload.size())));
  return out.append(payload);
}

std::string tar_of(const std::vector<TestFile>& files) {
  std::string out;
  for (const TestFile& file : files) {
    std::string head(512, '\0');
    head.replace(0, file.name.size(), file.name);
    const std::string size = fmt::format("{:011o}", file.bytes.size());
    head.replace(124, size.size(), size);
    head[156] = '0';
    head.replace(257, 5, "ustar");
    out += head + file.bytes;
    out.resize((out.size() + 511) / 512 * 512);
  }
  return out + std::string(1024, '\0');
}

std::string deb_of(const std::vector<TestFile>& files, Compression compression) {
  std::string out = "!<arch>\n";
  const auto add = [&out](std::string_view name, std::string_view member) {
    out += fmt::format("{:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", name, 0, 0, 0, "100644", member.size());
    out += member;
    if (member.size() % 2) out += '\n';
  };
  add("debian-binary", "2.0\n");
  add("control.tar.gz", gzip(tar_of({{"./control", "Package: linux-image-test\nVersion: 6.1.1-1\n"}})));
  add("data.tar", pack(compression, tar_of(files)));
  return out;
}

std::string zap_code(ZapFix fix, std::uint64_t address, std::uint64_t wait4) {
  std::string out = from_hex("65 48 8b 1c 25 80 fb 01 00");              // mov rbx, gs:[0x1fb80]
  if (fix == ZapFix::fix_2026) out += from_hex("81 4b 2c 00 00 80 00");  // or dword [rbx+0x2c], 0x800000
  const std::size_t loop = out.size();
  out += from_hex("f0 80 23 fb");                                   // lock and byte [rbx], 0xfb
  if (fix == ZapFix::fix_2024) out += from_hex("f0 80 63 02 fd");   // lock and byte [rbx+2], 0xfd
  out += from_hex("31 c9 31 f6 ba 00 00 00 40 bf ff ff ff ff e8");  // call
  out += little(static_cast<std::uint32_t>(wait4 - (address + out.size() + 4)));
  out += from_hex("83 f8 f6 75");  // cmp eax, -10; jne loop
  out += static_cast<char>(loop - (out.size() + 1));
  if (fix == ZapFix::fix_2026) out += from_hex("81 63 2c ff ff 7f ff");  // and dword [rbx+0x2c], ~0x800000
  return out + from_hex("c3");
}

std::string wait_code(bool gate) {
  std::string out = from_hex(
      "65 48 8b 04 25 80 fb 01 00"    // mov rax, gs:[0x1fb80]
      "48 8b 10 f7 c2 00 00 02 00");  // mov rdx, [rax]; test edx, 0x20000
  if (gate)
    out += from_hex(
        "74 0b"                       // je to the next question
        "8b 50 2c 81 e2 00 00 80 00"  // mov edx, [rax+0x2c]; and edx, 0x800000
        "74 07");                     // je to the end
  else
    out += from_hex("75 07");                        // jne to the end
  return out + from_hex("48 8b 00 a8 04 75 00 c3");  // mov rax, [rax]; test al, 4; jne; ret
}

std::string kernel(ZapFix fix, KallsymsStyle style) {
  constexpr std::size_t k_step = 256;
  constexpr std::size_t k_functions = 400;
  std::vector<TestSymbol> symbols{{0x10, "fixed_percpu_data"}, {0x1fb80, "pcpu_hot"}};
  if (style == KallsymsStyle::last_plain) symbols.clear();
  std::string text;
  for (std::size_t i = 0; i < k_functions; ++i) {
    const std::uint64_t address = k_text + i * k_step;
    std::string name = fmt::format("function_{}", i);
    std::string code = from_hex("c3");
    if (i == 100) name = "kernel_wait4";
    if (i == 101) name = "do_wait", code = wait_code(fix == ZapFix::fix_2026);
    if (i == 102) name = "zap_pid_ns_processes", code = zap_code(fix, address, k_text + 100 * k_step);
    if (i == 103) name = "create_io_thread";
    if (i == 104) name = "io_wq_enqueue";
    if (i == 105) name = "load_module";
    if (i == 106) name = "register_kprobe";
    if (i == 107) name = std::string(200, 'l');
    symbols.push_back({address, name});
    code.resize(k_step, '\x90');
    text += code;
  }
  std::string data = "Linux version 6.1.90-test (gcc) #1 SMP Debian 6.1.90-1 (2024-05-03)\n";
  data.resize(4096);
  data += kallsyms_tables(symbols, style, k_text);
  return vmlinux(text, k_text, data);
}

}  // namespace unzap::testing_kernel
