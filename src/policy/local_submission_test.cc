#include "policy/local_submission.h"

#include <gtest/gtest.h>

#include "table/given_tables.h"

namespace hikyaku::policy {
namespace {

LocalSubmission submission(const std::string& users, table::GivenTables& tables) {
  tables.give("/senders",
              "ann  ann@a.example, @list.example\n"
              "bob  <> bob\n"
              "root *\n"
              "uid:7 seven@a.example\n");
  LocalSubmission made;
  std::vector<table::Element> elements;
  for (const auto& user : {users.substr(0, users.find(' ')), users.substr(users.find(' ') + 1)})
    elements.push_back({user, {}});
  made.authorized = table::StringMatchList::compile(elements, tables).value();
  made.login_senders = table::Maps::open({{"texthash:/senders", {}}}, tables).value();
  made.delimiters.set = "+";
  return made;
}

TEST(LocalSubmission, is_for_those_that_are_authorized) {
  table::GivenTables tables;
  const auto rules = submission("!eve static:anyone", tables);
  EXPECT_TRUE(rules.may_submit("ann").value());
  EXPECT_TRUE(rules.may_submit("1000").value());
  EXPECT_FALSE(rules.may_submit("eve").value());
}

struct SenderCase {
  std::string name, login, sender;
  bool allowed;
};
class LocalSender : public testing::TestWithParam<SenderCase> {};

TEST_P(LocalSender, is_one_that_the_login_may_use) {
  table::GivenTables tables;
  const auto rules = submission("static:a static:b", tables);
  const auto sender = mail::Address::from_internal(GetParam().sender).value();
  EXPECT_EQ(rules.may_send_as(GetParam().login, sender).value(), GetParam().allowed);
}

INSTANTIATE_TEST_SUITE_P(
    , LocalSender,
    testing::Values(SenderCase{"own_address", "ann", "ann@a.example", true},
                    SenderCase{"own_address_with_an_extension", "ann", "ann+x@a.example", true},
                    SenderCase{"own_address_in_capitals", "ann", "Ann@A.Example", true},
                    SenderCase{"any_of_a_domain", "ann", "owner@list.example", true},
                    SenderCase{"none_of_a_domain_below", "ann", "owner@x.list.example", false},
                    SenderCase{"not_somebody_elses", "ann", "bob@a.example", false},
                    SenderCase{"not_the_null_sender", "ann", "", false},
                    SenderCase{"the_null_sender_where_it_is_named", "bob", "", true},
                    SenderCase{"a_name_without_a_domain", "bob", "bob", true},
                    SenderCase{"not_that_name_in_a_domain", "bob", "bob@a.example", false},
                    SenderCase{"any", "root", "who@ever.example", true},
                    SenderCase{"any_null", "root", "", true},
                    SenderCase{"of_a_number", "uid:7", "seven@a.example", true},
                    SenderCase{"none_of_an_unknown_login", "eve", "eve", false}),
    [](const auto& row) { return row.param.name; });

TEST(LocalSubmission, does_not_decide_when_a_table_can_not_answer) {
  table::GivenTables tables;
  auto rules = submission("fail:a b", tables);
  EXPECT_FALSE(rules.may_submit("ann"));
  rules.login_senders = table::Maps::open({{"fail:out", {}}}, tables).value();
  EXPECT_FALSE(rules.may_send_as("ann", {}));
}

}  // namespace
}  // namespace hikyaku::policy
