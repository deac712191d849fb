#include "config/parameters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include "config/main_cf.h"
#include "config/spelling.h"

namespace hikyaku::config {
namespace {

using namespace std::chrono_literals;

TEST(Parameters, are_each_there_once_and_sorted) {
  const auto table = parameters();
  EXPECT_GT(table.size(), 800u);
  for (std::size_t at = 1; at < table.size(); ++at) EXPECT_LT(table[at - 1].name, table[at].name);
}

TEST(Parameters, are_used_or_say_what_their_absence_means) {
  for (const auto& parameter : parameters()) {
    if (!parameter.used || parameter.own) EXPECT_NE(parameter.meaning, "") << parameter.name;
    if (parameter.own) EXPECT_TRUE(parameter.name.starts_with("hikyaku_")) << parameter.name;
  }
}

TEST(Parameters, that_are_listed_as_used_or_have_words_exist) {
#define U(name) EXPECT_NE(find_parameter(#name), nullptr) << #name;
#include "config/used_parameters.inc"
#undef U
#define W(name, words)                                                                                \
  ASSERT_NE(find_parameter(#name), nullptr);                                                          \
  EXPECT_TRUE(find_parameter(#name)->kind == Kind::text || find_parameter(#name)->kind == Kind::list) \
      << #name;
#include "config/words.inc"
#undef W
}

TEST(Parameters, have_good_defaults) {
  SourceCatalogue sources;
  Diagnostics diagnostics;
  const auto main = Main::parse("", "main.cf", sources, diagnostics);
  EXPECT_EQ(text(diagnostics, sources), "");
  for (const auto& parameter : parameters()) {
    const auto& value = main.text(parameter.name).text;
    if (parameter.kind == Kind::boolean) EXPECT_TRUE(read_boolean(value)) << parameter.name << " = " << value;
    if (parameter.kind == Kind::integer) EXPECT_TRUE(read_integer(value)) << parameter.name << " = " << value;
    if (parameter.kind == Kind::duration)
      EXPECT_TRUE(read_duration(value, 's')) << parameter.name << " = " << value;
  }
}

TEST(Parameters, of_transports_are_found_by_their_end) {
  EXPECT_EQ(transport_parameter("slow_destination_concurrency_limit")->name,
            "default_destination_concurrency_limit");
  EXPECT_EQ(transport_parameter("slow_destination_recipient_limit")->name,
            "default_destination_recipient_limit");
  EXPECT_EQ(transport_parameter("slow_initial_destination_concurrency")->name,
            "initial_destination_concurrency");
  EXPECT_EQ(transport_parameter("slow_time_limit")->name, "command_time_limit");
  EXPECT_EQ(transport_parameter("_destination_concurrency_limit"), nullptr);
  EXPECT_EQ(transport_parameter("relayhost"), nullptr);
}

TEST(Parameters, values_are_read) {
  EXPECT_EQ(read_boolean("Yes"), true);
  EXPECT_EQ(read_boolean("NO"), false);
  EXPECT_EQ(read_boolean("y"), std::nullopt);
  EXPECT_EQ(read_integer("-12"), -12);
  EXPECT_EQ(read_integer(""), std::nullopt);
  EXPECT_EQ(read_integer("9223372036854775808"), std::nullopt);
  EXPECT_EQ(read_duration("0", 's'), 0s);
  EXPECT_EQ(read_duration("90", 's'), 90s);
  EXPECT_EQ(read_duration("5m", 's'), 300s);
  EXPECT_EQ(read_duration("2w", 's'), 336h);
  for (const auto* bad : {"", "s", "5x", "5 m", "-5s", "5M", "99999999999w", "1.5h"}) {
    EXPECT_EQ(read_duration(bad, 's'), std::nullopt) << bad;
  }
}

TEST(Spelling, gives_the_nearest_word_or_none) {
  EXPECT_EQ(edit_distance("relayhost", "relayhsot"), 1u);
  EXPECT_EQ(edit_distance("", "abc"), 3u);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
  EXPECT_EQ(nearest("relayhots", parameter_names()), "relayhost");
  EXPECT_EQ(nearest("smtpd_recipients_restrictions", parameter_names()), "smtpd_recipient_restrictions");
  EXPECT_EQ(nearest("my_own_setting", parameter_names()), "");
  EXPECT_EQ(nearest(std::string(500, 'x'), parameter_names()), "");
}

/// Every string literal of a source file.
std::set<std::string> literals(const std::filesystem::path& path) {
  std::ifstream file(path);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  std::set<std::string> result;
  for (auto open = text.find('"'); open != std::string::npos;) {
    const auto close = text.find('"', open + 1);
    if (close == std::string::npos) break;
    result.insert(text.substr(open + 1, close - open - 1));
    open = text.find('"', close + 1);
  }
  return result;
}

/// The parameters that the sources outside of the readers themselves name.
std::set<std::string> named_in_sources() {
  std::set<std::string> names;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(std::string(HIKYAKU_SOURCE_DIR) + "/src")) {
    const auto name = entry.path().filename().string();
    const auto layer = entry.path().parent_path().filename().string();
    const bool reads = (layer == "config" && (name.ends_with("_settings.cc") || name == "snapshot.cc")) ||
                       (layer == "serve" && name != "review.cc") ||  // a review acts on nothing
                       (layer == "cmd" && name != "config_command.cc");
    if (!name.ends_with(".cc") || name.ends_with("_test.cc") || name.ends_with("_fuzz.cc") || !reads)
      continue;
    for (const auto& literal : literals(entry.path())) {
      if (find_parameter(literal) != nullptr) names.insert(literal);
    }
  }
  return names;
}

TEST(UsedParameters, every_one_that_the_sources_read_is_listed) {
  for (const auto& name : named_in_sources()) {
    EXPECT_TRUE(find_parameter(name)->used) << name << " is read: add it to used_parameters.inc";
  }
}

// Run by hand (--gtest_also_run_disabled_tests): names that are put together in the source are not seen by
// it.
TEST(UsedParameters, DISABLED_every_one_that_is_listed_is_read) {
  const auto read = named_in_sources();
  for (const auto& parameter : parameters()) {
    if (parameter.used) EXPECT_TRUE(read.contains(std::string(parameter.name))) << parameter.name;
  }
}

}  // namespace
}  // namespace hikyaku::config
