// SPDX-License-Identifier: Apache-2.0
#include "sources/text/pstree.hpp"

#include "linux/task_state.hpp"
#include "util/scan.hpp"

namespace unzap::text {
namespace {

constexpr std::size_t k_longest_name = 48;
constexpr std::size_t k_most_nodes = 256;

/// Takes branches ("  |-", "├─", "---", "-+-") off the front and counts their characters.
bool eat_branches(std::string_view& text, std::size_t& column) {
  bool any = false;
  while (!text.empty()) {
    if (text.starts_with("\xe2\x94")) {  // U+2500 to U+253F: box drawing
      text.remove_prefix(text.size() < 3 ? text.size() : 3);
      any = true;
    } else if (text[0] == '|' || text[0] == '`' || text[0] == '-' || text[0] == '+') {
      text.remove_prefix(1);
      any = true;
    } else if (is_blank(text[0])) {
      text.remove_prefix(1);
    } else {
      break;
    }
    ++column;
  }
  return any;
}

/// "name(123)", "name(123,120)", "{name}(123)", "name,123,120", "(name,123,120)" at the front.
bool eat_node(std::string_view& text, TreeNode& node) {
  std::string_view rest = text;
  const bool swapped = eat(rest, "(");
  node.thread = eat(rest, "{");
  for (std::size_t i = 1; i < rest.size() && i <= k_longest_name; ++i) {
    if (rest[i] < ' ' || rest[i] > '~') return false;
    if (rest[i] != '(' && rest[i] != ',') continue;
    std::string_view number = rest.substr(i + 1);
    const auto tid = task_number(eat_number(number));
    if (!tid || (rest[i] == '(' && number.empty())) continue;
    if (!number.empty() && number[0] != ',' && number[0] != ')' && !is_blank(number[0])) continue;
    std::string_view name = rest.substr(0, i);
    if (node.thread && name.ends_with('}')) name.remove_suffix(1);
    node.comm = name;
    node.tid = *tid;
    if (rest[i] == '(' && !swapped) {
      const std::size_t close = number.find(')');
      if (close == std::string_view::npos || close > 24) return false;
      number.remove_prefix(close + 1);
    } else {
      number = {};  // the -a form: the rest of the line are arguments
    }
    text = number;
    return true;
  }
  return false;
}

}  // namespace

TreeLine parse_tree_line(std::string_view line) {
  TreeLine out;
  std::size_t column = 0;
  while (!line.empty() && out.nodes.size() < k_most_nodes) {
    out.has_branch |= eat_branches(line, column);
    if (line.empty() || !(is_letter(line[0]) || line[0] == '(' || line[0] == '{' || line[0] == '_')) break;
    TreeNode node{.column = column};
    const std::size_t before = line.size();
    if (!eat_node(line, node)) break;
    column += before - line.size();
    out.nodes.push_back(node);
  }
  return out;
}

}  // namespace unzap::text
