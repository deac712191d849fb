#include "rewrite/completion.h"

#include <gtest/gtest.h>

#include <string>

namespace hikyaku::rewrite {
namespace {

struct CompletionCase {
  const char* name;
  std::string_view given;
  std::string_view local;   // in the local context, append_dot_mydomain on
  std::string_view remote;  // with remote_header_rewrite_domain = domain.invalid
};

class CompletionOf : public testing::TestWithParam<CompletionCase> {};

Completion completion() {
  CompletionSettings settings;
  settings.myorigin.text = "hub.test";
  settings.mydomain.text = "test";
  settings.remote_domain.text = "domain.invalid";
  settings.append_dot_mydomain.on = true;
  return Completion(settings);
}

TEST_P(CompletionOf, in_both_contexts) {
  const auto& row = GetParam();
  EXPECT_EQ(completion().external(row.given, Completion::Context::local), row.local);
  EXPECT_EQ(completion().external(row.given, Completion::Context::remote), row.remote);
}

INSTANTIATE_TEST_SUITE_P(
    , CompletionOf,
    testing::Values(
        CompletionCase{"full_address", "a@b.example", "a@b.example", "a@b.example"},
        CompletionCase{"user_alone", "joe", "joe@hub.test", "joe@domain.invalid"},
        CompletionCase{"short_domain", "joe@pc", "joe@pc.test", "joe@pc.domain.invalid"},
        CompletionCase{"bang", "site.example!joe", "joe@site.example", "joe@site.example"},
        CompletionCase{"two_bangs", "a.example!b.example!joe", "b.example!joe@a.example",
                       "b.example!joe@a.example"},
        CompletionCase{"bang_with_at_stays", "a!b@c.example", "a!b@c.example", "a!b@c.example"},
        CompletionCase{"percent", "joe%site.example", "joe@site.example", "joe@site.example"},
        CompletionCase{"last_percent", "joe%a%b.example", "joe%a@b.example", "joe%a@b.example"},
        CompletionCase{"route", "@a.example,@b.example:joe@c.example", "joe@c.example", "joe@c.example"},
        CompletionCase{"route_to_nothing_stays", "@a.example:", "@a.example:\"\"", "@a.example:\"\""},
        CompletionCase{"trailing_dot", "joe@c.example.", "joe@c.example", "joe@c.example"},
        CompletionCase{"two_trailing_dots_stay", "joe@c.example..", "joe@c.example..", "joe@c.example.."},
        CompletionCase{"short_domain_with_dot", "joe@pc.", "joe@pc", "joe@pc"},
        CompletionCase{"nothing_after_at", "joe@", "joe@", "joe@"},
        CompletionCase{"at_alone", "@", "\"\"", "\"\""}, CompletionCase{"null", "\"\"", "\"\"", "\"\""},
        CompletionCase{"literal", "joe@[192.0.2.1]", "joe@[192.0.2.1]", "joe@[192.0.2.1]"},
        CompletionCase{"quoted_local_part", "\"joe q\"", "\"joe q\"@hub.test", "\"joe q\"@domain.invalid"},
        CompletionCase{"quoted_at", "\"joe@x\"@c.example", "\"joe@x\"@c.example", "\"joe@x\"@c.example"},
        CompletionCase{"needless_quotes_vanish", "\"joe\"@c.example", "joe@c.example", "joe@c.example"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(CompletionSwitches, off_they_leave_the_address_alone) {
  CompletionSettings settings;
  settings.myorigin.text = "hub.test";
  settings.mydomain.text = "test";
  settings.append_at_myorigin.on = false;
  settings.append_dot_mydomain.on = false;
  settings.swap_bangpath.on = false;
  settings.allow_percent_hack.on = false;
  const Completion completion(settings);
  for (const std::string_view text : {"joe", "joe@pc", "a!b", "a%b"}) {
    EXPECT_EQ(completion.external(text, Completion::Context::local), text);
  }
}

TEST(PlainFullAddress, is_told_without_parsing) {
  EXPECT_TRUE(is_plain_full_address("joe.user+x@hub.example"));
  EXPECT_TRUE(is_plain_full_address("jöe@hub.example"));
  for (const std::string_view text :
       {"", "joe", "joe@pc", "a@b@c.d", ".a@b.c", "a..b@c.d", "a@b.c.", "a b@c.d", "a!b@c.d", "a%b@c.d",
        "a@[1.2.3.4]", "\"a\"@b.c", "a@b.c>"}) {
    EXPECT_FALSE(is_plain_full_address(text)) << text;
  }
}

}  // namespace
}  // namespace hikyaku::rewrite
