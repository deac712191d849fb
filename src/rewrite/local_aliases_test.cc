#include "rewrite/local_aliases.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>

#include "rewrite/local_domains.h"
#include "table/fixed_contents.h"

namespace hikyaku::rewrite {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class Files final : public IncludeFiles {
 public:
  Result<std::string> read(std::string_view path, std::size_t) const override {
    if (path == "/lists/team") return "# the team\nann@x.example, bob\n\ncarol@x.example (Carol)\n";
    if (path == "/lists/self") return "other@x.example\n:include:/lists/self\n";
    return fail(Fault::temporary, "cannot read " + std::string(path));
  }
};
const Files kFiles;

AliasSettings settings(std::string_view rows) {
  AliasSettings settings;
  settings.maps = table::Maps(
      {std::make_shared<table::FixedTable>("hash:/etc/aliases", table::load_fixed(rows, 1).contents)});
  settings.completion.myorigin.text = "hub.test";
  settings.lookup.local_domains =
      std::make_shared<OwnDomains>("hub.test", table::StringMatchList{}, std::vector<table::Ip>{});
  settings.lookup.delimiters.set = "+";
  return settings;
}

Result<AliasResult> expand(const AliasSettings& settings, std::string_view recipient) {
  Explanation why;
  return LocalAliases(settings, kFiles).expand(*mail::Address::from_internal(recipient), why);
}

std::vector<std::string> addresses(const Result<AliasResult>& result) {
  std::vector<std::string> out;
  if (result) {
    for (const auto& address : result->addresses) out.push_back(address.text());
  }
  return out;
}

TEST(LocalAliasesExpand, name_that_is_no_alias) {
  const auto result = expand(settings("a b@x.example\n"), "joe@hub.test");
  ASSERT_TRUE(result);
  EXPECT_FALSE(result->found);
}

TEST(LocalAliasesExpand, one_to_many_through_other_aliases_each_once) {
  EXPECT_THAT(
      addresses(expand(
          settings("all joe, ann@x.example, more\nmore Ann@X.example, jim@hub.test\njim j@x.example\n"),
          "ALL@hub.test")),
      ElementsAre("joe@hub.test", "ann@x.example", "j@x.example"));
}

TEST(LocalAliasesExpand, keys_may_have_the_colon_of_the_aliases_file) {
  EXPECT_THAT(addresses(expand(settings("postmaster: root\nroot: ann@x.example\n"), "postmaster@hub.test")),
              ElementsAre("ann@x.example"));
}

TEST(LocalAliasesExpand, name_within_its_own_alias_is_the_mailbox) {
  EXPECT_THAT(addresses(expand(settings("joe joe, j@x.example\n"), "joe@hub.test")),
              ElementsAre("joe@hub.test", "j@x.example"));
}

TEST(LocalAliasesExpand, alias_that_comes_back_through_another_is_a_loop) {
  const auto result = expand(settings("a b\nb a, c\n"), "a@hub.test");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().fault, Fault::permanent);
  EXPECT_THAT(result.error().text, HasSubstr("alias b: alias database loop"));
}

TEST(LocalAliasesExpand, full_local_part_comes_before_the_part_without_extension) {
  EXPECT_THAT(addresses(expand(settings("joe+x one@x.example\njoe two@x.example\n"), "joe+x@hub.test")),
              ElementsAre("one@x.example"));
  auto with = settings("joe two@x.example\n");
  EXPECT_THAT(addresses(expand(with, "joe+x@hub.test")), ElementsAre("two@x.example"));
  with.propagate = true;
  EXPECT_THAT(addresses(expand(with, "joe+x@hub.test")), ElementsAre("two+x@x.example"));
}

TEST(LocalAliasesExpand, include_files_are_read) {
  EXPECT_THAT(addresses(expand(settings("team :include:/lists/team\n"), "team@hub.test")),
              ElementsAre("ann@x.example", "bob@hub.test", "carol@x.example"));
}

TEST(LocalAliasesExpand, include_file_that_cannot_be_read_defers) {
  const auto result = expand(settings("team :include:/lists/gone\n"), "team@hub.test");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().fault, Fault::temporary);
}

TEST(LocalAliasesExpand, include_file_that_includes_itself_is_bounded) {
  const auto result = expand(settings("team :include:/lists/self\n"), "team@hub.test");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().fault, Fault::permanent);
}

TEST(LocalAliasesExpand, commands_and_files_only_when_switched_on) {
  auto with = settings("robot \"|/bin/robot -x\", /var/log/mails\n");
  auto result = expand(with, "robot@hub.test");
  ASSERT_TRUE(result);
  EXPECT_THAT(result->commands, IsEmpty());
  EXPECT_THAT(result->refused, ElementsAre(HasSubstr("mail to command is restricted"),
                                           HasSubstr("mail to file is restricted")));
  with.commands = with.files = true;
  result = expand(with, "robot@hub.test");
  ASSERT_TRUE(result);
  EXPECT_THAT(result->commands, ElementsAre("/bin/robot -x"));
  EXPECT_THAT(result->files, ElementsAre("/var/log/mails"));
}

TEST(LocalAliasesExpand, owner_is_of_myorigin_whichever_domain_of_ours_was_written) {
  EXPECT_EQ(expand(settings("list a@x.example\nowner-list boss\n"), "list@localhost")->owner->text(),
            "owner-list@hub.test");
}

TEST(LocalAliasesExpand, owner_gets_the_bounces) {
  auto with = settings("list a@x.example\nowner-list boss@x.example\n");
  EXPECT_EQ(expand(with, "list@hub.test")->owner->text(), "owner-list@hub.test");
  with.expand_owner = true;
  EXPECT_EQ(expand(with, "list@hub.test")->owner->text(), "boss@x.example");
}

}  // namespace
}  // namespace hikyaku::rewrite
