#include "config/retention_settings.h"

#include <gtest/gtest.h>

#include "table/given_tables.h"

namespace hikyaku::config {
namespace {

class RetentionSettings : public testing::Test {
 protected:
  policy::RetentionMaps read(std::string_view text) {
    const auto main = Main::parse(text, "main.cf", *sources, diagnostics);
    return retention_settings(main, tables, sources, diagnostics);
  }
  table::GivenTables tables;
  std::shared_ptr<SourceCatalogue> sources = std::make_shared<SourceCatalogue>();
  Diagnostics diagnostics;
};

TEST_F(RetentionSettings, without_the_parameter_no_mailbox_has_a_rule) {
  EXPECT_TRUE(read("").empty());
  EXPECT_TRUE(diagnostics.all().empty());
}

TEST_F(RetentionSettings, several_tables_are_looked_up_in_their_order) {
  tables.give("/special", "joe@a.example expire 1d\n");
  const auto maps = read("hikyaku_mailbox_expire_maps = hash:/special, static:hold\n");
  EXPECT_TRUE(diagnostics.all().empty());
  const auto rule = maps.find("joe@a.example", "", nullptr);
  ASSERT_TRUE(rule);
  ASSERT_EQ(rule->removals.size(), 1U);
  EXPECT_TRUE(rule->hold);
}

TEST_F(RetentionSettings, a_bad_entry_is_an_error_with_its_line) {
  tables.give("/bad", "joe@a.example expire 1d\nann@a.example expire soon\n");
  (void)read("hikyaku_mailbox_expire_maps = hash:/bad\n");
  ASSERT_TRUE(diagnostics.failed());
  const auto& error = *diagnostics.first_error();
  EXPECT_EQ(error.where, (Origin{table::GivenTables::kFile, 2}));
  EXPECT_EQ(
      error.text,
      "hikyaku_mailbox_expire_maps: the value of ann@a.example: \"expire soon\": expire wants an age, such "
      "as 30d or 1y, or never");
}

TEST_F(RetentionSettings, a_value_that_a_pattern_makes_is_left_to_the_lookup) {
  tables.give("/patterns", "/Keep-(.*)/ expire ${1}d\n/./ forever\n");
  (void)read("hikyaku_mailbox_expire_maps = regexp:/patterns\n");
  ASSERT_TRUE(diagnostics.failed());
  EXPECT_EQ(diagnostics.all().size(), 1U);
  EXPECT_EQ(diagnostics.first_error()->where.line, 2U);
}

TEST_F(RetentionSettings, a_table_that_does_not_open_is_an_error) {
  (void)read("hikyaku_mailbox_expire_maps = hash:/nowhere\n");
  EXPECT_TRUE(diagnostics.failed());
}

}  // namespace
}  // namespace hikyaku::config
