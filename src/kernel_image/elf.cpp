// SPDX-License-Identifier: Apache-2.0
#include "kernel_image/elf.hpp"

#include <elf.h>

namespace unzap {
namespace {

constexpr std::size_t k_max_segments = 64;
constexpr std::size_t k_max_sections = 4096;
constexpr std::size_t k_max_loaded = std::size_t{256} << 20;  ///< of all segments; no kernel has more
constexpr std::size_t k_max_section_names = std::size_t{1} << 20;
constexpr std::size_t k_max_texts = std::size_t{64} << 20;  ///< names of symbols
constexpr std::size_t k_max_symbols = std::size_t{1} << 22;

Machine machine_of(std::uint16_t value) {
  if (value == EM_X86_64) return Machine::x86_64;
  return value == EM_AARCH64 ? Machine::arm64 : Machine::other;
}

Error no_elf(std::string why) {
  return {ErrorKind::bad_data, std::move(why), "", "give a vmlinux, a vmlinuz or a Debian kernel package"};
}

}  // namespace

Result<Elf> Elf::open(ByteView bytes) {
  const auto head = number_at<Elf64_Ehdr>(bytes, 0);
  if (!text_of(bytes).starts_with(ELFMAG)) return no_elf("this is not an ELF file");
  if (!head) return no_elf("the ELF file ends within its head");
  if (head->e_ident[EI_CLASS] != ELFCLASS64 || head->e_ident[EI_DATA] != ELFDATA2LSB)
    return no_elf("the ELF file is not a 64-bit little-endian one");
  Elf elf;
  elf.bytes_ = bytes;
  elf.machine_ = machine_of(head->e_machine);
  elf.read_segments(head->e_phoff, head->e_phentsize, head->e_phnum);
  elf.read_sections(head->e_shoff, head->e_shentsize, head->e_shnum, head->e_shstrndx);
  return elf;
}

void Elf::read_segments(std::uint64_t at, std::uint64_t entry_size, std::uint64_t count) {
  if (entry_size < sizeof(Elf64_Phdr) || at > bytes_.size()) return;
  // Segments of a kernel do not overlap; many that do would make a search through them endless.
  std::size_t left = std::min(bytes_.size(), k_max_loaded);
  for (std::uint64_t i = 0; i < std::min<std::uint64_t>(count, k_max_segments); ++i) {
    const auto segment = number_at<Elf64_Phdr>(bytes_, at + i * entry_size);
    if (!segment) return;
    const auto part = part_of(bytes_, segment->p_offset, segment->p_filesz);
    if (segment->p_type != PT_LOAD || !part || part->size() > left) continue;
    left -= part->size();
    segments_.push_back({segment->p_vaddr, segment->p_offset, segment->p_filesz});
    loaded_.push_back(*part);
  }
}

void Elf::read_sections(std::uint64_t at, std::uint64_t entry_size, std::uint64_t count,
                        std::uint64_t names) {
  if (entry_size != sizeof(Elf64_Shdr) || at > bytes_.size()) return;
  std::vector<Elf64_Shdr> heads;
  for (std::uint64_t i = 0; i < std::min<std::uint64_t>(count, k_max_sections); ++i) {
    const auto section = number_at<Elf64_Shdr>(bytes_, at + i * entry_size);
    if (!section) break;
    heads.push_back(*section);
  }
  const auto texts = names < heads.size()
                         ? part_of(bytes_, heads[names].sh_offset,
                                   std::min<std::uint64_t>(heads[names].sh_size, k_max_section_names))
                         : std::nullopt;
  for (const Elf64_Shdr& head : heads) {
    const bool named = texts && head.sh_name < texts->size();
    sections_.push_back({named ? text_to_nul(texts->subspan(head.sh_name)) : std::string_view(), head.sh_type,
                         head.sh_link, head.sh_offset, head.sh_size});
  }
}

std::optional<ByteView> Elf::section(std::string_view wanted) const {
  for (const Section& section : sections_)
    if (section.name == wanted && section.type != SHT_NOBITS)
      return part_of(bytes_, section.offset, section.size);
  return std::nullopt;
}

std::optional<ByteView> Elf::memory(std::uint64_t address, std::uint64_t size) const {
  for (const Segment& segment : segments_)
    if (address >= segment.address && address - segment.address <= segment.size &&
        segment.size - (address - segment.address) >= size)
      return part_of(bytes_, segment.offset + (address - segment.address), size);
  return std::nullopt;
}

std::optional<Symbols> Elf::symbols(const SymbolNames& wanted) const {
  for (const Section& table : sections_) {
    if (table.type != SHT_SYMTAB || table.link >= sections_.size()) continue;
    const auto entries = part_of(bytes_, table.offset, table.size);
    const Section& names = sections_[table.link];
    const auto texts = part_of(bytes_, names.offset, std::min<std::uint64_t>(names.size, k_max_texts));
    if (!entries || !texts) continue;
    Symbols out;
    const std::size_t count = std::min(entries->size() / sizeof(Elf64_Sym), k_max_symbols);
    for (std::size_t i = 0; i < count; ++i) {
      const Elf64_Sym symbol = *number_at<Elf64_Sym>(*entries, i * sizeof(Elf64_Sym));
      const int type = ELF64_ST_TYPE(symbol.st_info);
      // FILE and SECTION are not places, and an undefined symbol lies elsewhere.
      if (type == STT_FILE || type == STT_SECTION || symbol.st_shndx == SHN_UNDEF) continue;
      if (symbol.st_shndx == SHN_ABS || symbol.st_name >= texts->size()) continue;
      out.add(symbol.st_value, text_to_nul(texts->subspan(symbol.st_name)), wanted);
    }
    if (out.size() == 0) return std::nullopt;
    out.settle();
    return out;
  }
  return std::nullopt;
}

}  // namespace unzap
