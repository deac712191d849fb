#include "table/query_format.h"

#include <gmock/gmock.h>

namespace hikyaku::table {
namespace {

using testing::HasSubstr;

struct FillCase {
  const char* name;
  std::string format, value, key;
  std::optional<std::string> filled;
};
std::ostream& operator<<(std::ostream& out, const FillCase& one) { return out << one.format; }

class Fill : public testing::TestWithParam<FillCase> {};
TEST_P(Fill, gives) {
  const auto format = QueryFormat::parse(GetParam().format);
  ASSERT_TRUE(format) << format.error().text;
  const auto in_angles = [](std::string_view text) { return "<" + std::string(text) + ">"; };
  EXPECT_EQ(format->fill(GetParam().value, GetParam().key, in_angles), GetParam().filled);
}
INSTANTIATE_TEST_SUITE_P(
    , Fill,
    testing::Values(
        FillCase{"text_alone", "select 1", "k", "k", "select 1"},
        FillCase{"percent", "100%%", "k", "k", "100%"},
        FillCase{"whole_key", "a='%s'", "joe@b.test", "joe@b.test", "a='<joe@b.test>'"},
        FillCase{"halves", "%u at %d", "joe@b.test", "joe@b.test", "<joe> at <b.test>"},
        FillCase{"last_at_sign_splits", "%u at %d", "a@b@c.test", "a@b@c.test", "<a@b> at <c.test>"},
        FillCase{"user_without_domain", "%u", "joe", "joe", "<joe>"},
        FillCase{"no_domain_no_answer", "%u@%d", "joe", "joe", std::nullopt},
        FillCase{"no_user_no_answer", "%u", "@b.test", "@b.test", std::nullopt},
        FillCase{"parts_of_the_domain", "%3.%2.%1", "u@mail.b.test", "u@mail.b.test", "<mail>.<b>.<test>"},
        FillCase{"too_few_parts", "%3", "u@b.test", "u@b.test", std::nullopt},
        FillCase{"empty_part", "%2", "u@.test", "u@.test", std::nullopt},
        FillCase{"result_and_key", "%s %S %U %D %1", "v", "joe@b.test",
                 "<v> <joe@b.test> <joe> <b.test> <test>"},
        FillCase{"domain_of_a_result", "x@%d", "v@w.test", "joe@b.test", "x@<w.test>"},
        FillCase{"result_without_domain", "x@%d", "v", "joe@b.test", std::nullopt}),
    [](const auto& row) { return row.param.name; });

TEST(QueryFormat, tells_the_place_of_a_form_that_there_is_not) {
  for (const auto& [text, place] :
       {std::pair("a %x", "'%x' at column 3"), std::pair("%", "'%' at column 1"),
        std::pair("ab%0", "'%0' at column 3"), std::pair("100 %", "'%' at column 5")}) {
    const auto format = QueryFormat::parse(text);
    ASSERT_FALSE(format) << text;
    EXPECT_EQ(format.error().fault, Fault::malformed);
    EXPECT_THAT(format.error().text, HasSubstr(place));
  }
}

}  // namespace
}  // namespace hikyaku::table
