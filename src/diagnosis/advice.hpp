// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "diagnosis/finding.hpp"
#include "util/result.hpp"

namespace unzap {

/// What a page says of a cause beyond the explanation. The page is the only place where it stands:
///
///     ## What would refute it        - one fact
///     ## What to collect next        - `command`, or words: `command`
///     ## What to do                  - **remedy-id**: Text. *Risk: what it may break, or none.*
///     ## References                  - one source
///
/// Only list items count; the text between them is for the reader of the page. An item may go on in lines
/// indented by two blanks. Backticks are for the page and are taken away. `<pid>` and its like stand for what
/// a finding knows (fill_in.hpp). Items below "### Some case" are for findings of that case only.
struct PageAdvice {
  std::vector<std::string> refuted_by;
  std::vector<std::string> next_evidence;
  std::vector<Remedy> remedies;
  std::vector<std::string> references;

  bool operator==(const PageAdvice&) const = default;
};

/// By case; what always holds has the empty key.
using AdviceByCase = std::map<std::string, PageAdvice, std::less<>>;

/// The advice of a page; a page that is not as above is refused with its line.
Result<AdviceByCase> parse_advice(std::string_view page);

/// Adds what the page of the finding's cause says in this case, and the page itself as the first reference.
/// A case that the page does not have is a defect.
void advise(Finding& finding, std::string_view in_case = "");

}  // namespace unzap
