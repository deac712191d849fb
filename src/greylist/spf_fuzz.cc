// A sender, its HELO name and a DNS that answers whatever it likes: each check ends within the rounds and
// questions that the header names, asks for nothing twice, and its words are fit for a reply and a header.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "greylist/received_spf.h"
#include "greylist/spf.h"

using namespace hikyaku;
using namespace hikyaku::greylist;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

std::string_view take_line(std::string_view& text) {
  const auto end = std::min(text.find('\n'), text.size());
  const auto line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

/// The answer to question number `number`: a line of its own, "!" for silence, "?" for a name that is none,
/// records separated by '|'. When the lines are used up they begin anew.
DnsAnswer answer_of(const std::vector<std::string_view>& lines, std::size_t number) {
  if (lines.empty()) return {};
  auto line = lines[number % lines.size()];
  if (line == "!") return {DnsAnswer::Status::temporary, {}};
  if (line == "?") return {DnsAnswer::Status::malformed, {}};
  DnsAnswer answer;
  while (!line.empty()) {
    const auto end = std::min(line.find('|'), line.size());
    answer.records.emplace_back(line.substr(0, end));
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  if (!answer.records.empty()) answer.status = DnsAnswer::Status::found;
  return answer;
}

void require_fit(const SpfRequest& request, const SpfResult& result) {
  const auto printable = [](char c) { return c >= 0x20 && c <= 0x7e; };
  require(result.explanation.empty() || result.status == SpfStatus::fail);
  require(std::all_of(result.explanation.begin(), result.explanation.end(), printable));
  const auto header = received_spf(request, result, " ");
  require(std::all_of(header.begin(), header.end(), printable));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  SpfRequest request;
  request.client = table::Ip::parse_unmapped(take_line(text)).value_or(table::Ip::v4({192, 0, 2, 7}));
  request.helo = take_line(text);
  request.sender = take_line(text);
  std::vector<std::string_view> lines;
  while (!text.empty()) lines.push_back(take_line(text));
  DnsFacts facts;
  std::size_t asked = 0;
  for (unsigned round = 0;; ++round) {
    const auto outcome = check_spf(request, facts);
    if (const auto* result = std::get_if<SpfResult>(&outcome)) {
      require_fit(request, *result);
      return 0;
    }
    const auto& questions = std::get<std::vector<DnsQuestion>>(outcome);
    require(round < kMostSpfRounds && !questions.empty());
    for (const auto& question : questions) {
      require(facts.find(question) == nullptr && question.name.size() <= 253);
      facts.add(question, answer_of(lines, asked++));
    }
    require(asked <= kMostSpfQuestions);
  }
}
