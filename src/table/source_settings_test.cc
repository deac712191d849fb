#include "table/source_settings.h"

#include <gmock/gmock.h>

namespace hikyaku::table {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class Settings : public testing::Test {
 protected:
  Result<SourceSettings> parse(std::string_view text) {
    return SourceSettings::parse(text, sources.add("/etc/sql.cf"), sources);
  }
  SourceCatalogue sources;
};

TEST_F(Settings, are_read_as_main_cf_is) {
  auto settings =
      parse("# where\nhosts = a.test,\n  b.test\n\nquery = SELECT x FROM y WHERE z='%s'\nhosts_2=\n").value();
  EXPECT_THAT(settings.list("hosts"), ElementsAre("a.test", "b.test"));
  EXPECT_EQ(settings.text("query"), "SELECT x FROM y WHERE z='%s'");
  EXPECT_EQ(settings.origin("query").line, 5U);
  EXPECT_EQ(settings.text("hosts_2", "x"), "");
  EXPECT_EQ(settings.text("nothing", "x"), "x");
  EXPECT_TRUE(settings.take_diagnostics().empty());
}

TEST_F(Settings, wrong_values_are_told_with_their_line) {
  auto settings = parse("a = x\nb = -1\nc = perhaps\nd = 7\ne = YES\n").value();
  EXPECT_THAT(settings.number("a", 0, 0).error().text, HasSubstr("/etc/sql.cf:1: a = x: a number from 0 on"));
  EXPECT_THAT(settings.number("b", 0, 0).error().text, HasSubstr("/etc/sql.cf:2"));
  EXPECT_THAT(settings.yes_or_no("c", false).error().text, HasSubstr("/etc/sql.cf:3"));
  EXPECT_EQ(*settings.number("d", 0, 0), 7);
  EXPECT_TRUE(*settings.yes_or_no("e", false));
  EXPECT_EQ(*settings.number("f", 3, 0), 3);
}

TEST_F(Settings, names_that_nothing_reads_are_warned_about) {
  auto settings = parse("known = 1\nquerry = x\n").value();
  static_cast<void>(settings.text("known"));
  const auto told = settings.take_diagnostics();
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].where.line, 2U);
  EXPECT_THAT(told[0].text, HasSubstr("\"querry\""));
}

TEST_F(Settings, lines_without_a_value_are_refused_with_their_place) {
  for (const auto* text : {"a = b\nno equals sign\n", "a = b\n= c\n", "x\n"}) {
    const auto settings = parse(text);
    ASSERT_FALSE(settings) << text;
    EXPECT_THAT(settings.error().text, HasSubstr("/etc/sql.cf:"));
  }
  EXPECT_FALSE(parse("  a = b\n"));
}

}  // namespace
}  // namespace hikyaku::table
