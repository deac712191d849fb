// The RFC 7208 test suite: all its cases, of which none is left out.
#include <gtest/gtest.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "greylist/spf_zone_for_tests.h"

namespace hikyaku::greylist {
namespace {

using testing_support::Zone;

struct SuiteCase {
  std::string row;
  std::shared_ptr<const Zone> zone;
  std::string client, helo, sender, results, explanation;
};

/// The fields of a line of tests/vectors/rfc7208.tsv, whose form tools/spf_vectors.py tells.
std::vector<std::string> fields_of(const std::string& line) {
  std::vector<std::string> fields(1);
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\t') {
      fields.emplace_back();
    } else if (line[i] != '\\') {
      fields.back() += line[i];
    } else if (line[++i] == '\\') {
      fields.back() += '\\';
    } else {
      unsigned octet = 0;
      std::from_chars(line.data() + i + 1, line.data() + i + 3, octet, 16);
      fields.back() += static_cast<char>(octet);
      i += 2;
    }
  }
  return fields;
}

std::vector<SuiteCase> load() {
  std::vector<SuiteCase> cases;
  std::ifstream file(HIKYAKU_SOURCE_DIR "/tests/vectors/rfc7208.tsv");
  auto zone = std::make_shared<Zone>();
  std::string title;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with('#')) continue;
    const auto f = fields_of(line);
    if (f[0] == "zone") {
      zone = std::make_shared<Zone>();
      title = f.at(1);
    } else if (f[0] == "record") {
      zone->add({f.at(1), f.at(2), f.at(3)});
    } else if (f[0] == "silent") {
      zone->add({f.at(1), "silent", ""});
    } else {
      cases.push_back({title + "_" + f.at(1), zone, f.at(2), f.at(3), f.at(4), "," + f.at(5) + ",", f.at(6)});
    }
  }
  return cases;
}

class SpfSuite : public testing::TestWithParam<SuiteCase> {};

TEST_P(SpfSuite, HasOneOfTheResultsThatAreRight) {
  const auto& one = GetParam();
  SpfRequest request;
  request.client = table::Ip::parse_unmapped(one.client).value();
  request.helo = one.helo;
  request.sender = one.sender;
  request.receiver = "receiver.example";
  const auto checked = testing_support::check_with(*one.zone, request);
  const auto got = std::string(",").append(text(checked.result.status)).append(",");
  EXPECT_NE(one.results.find(got), std::string::npos)
      << got << " and not " << one.results << "; " << checked.result.problem;
  const bool wrong = checked.result.status == SpfStatus::permerror ||
                     checked.result.status == SpfStatus::temperror ||
                     checked.result.status == SpfStatus::none;
  EXPECT_EQ(checked.result.problem.empty(), !wrong) << checked.result.problem;
  // DEFAULT is what the receiver says where the domain has no explanation of its own.
  if (one.explanation == "*") return;
  EXPECT_EQ(checked.result.explanation, one.explanation == "DEFAULT" ? "" : one.explanation);
}

std::string row_name(const testing::TestParamInfo<SuiteCase>& row) {
  auto name = row.param.row;
  std::replace_if(
      name.begin(), name.end(),
      [](char c) { return (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z'); }, '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(, SpfSuite, testing::ValuesIn(load()), row_name);

TEST(SpfSuiteFile, IsThereWhole) { EXPECT_EQ(load().size(), 203U); }

}  // namespace
}  // namespace hikyaku::greylist
