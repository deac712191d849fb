#include "config/greylist_unasked.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/greylist_conf.h"

namespace hikyaku::config {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// "line:column level: text" of each thing that is said of a file.
std::vector<std::string> told(std::string_view text) {
  SourceCatalogue sources;
  Diagnostics diagnostics;
  const auto configuration = read_greylist_conf(text, sources.add("greylist.conf"), diagnostics);
  warn_of_unasked_checks(configuration, diagnostics);
  std::vector<std::string> all;
  for (const auto& one : diagnostics.all())
    all.push_back(std::to_string(one.where.line) + ":" + std::to_string(one.column) + " " +
                  std::string(config::text(one.level)) + ": " + one.text);
  return all;
}

TEST(GreylistUnasked, TellsOfUrlsThatAreNotFetched) {
  EXPECT_THAT(told("urlcheck \"a\" \"http://x.example/\" 1\nurlcheck \"b\" \"LDAPS://x.example/\" 1\n"
                   "urlcheck \"c\" \"%P{url}\" 1\nurlcheck \"d\" \"x.example/\" 1\n"),
              IsEmpty());
  EXPECT_THAT(
      told("urlcheck \"a\" \"ftp://x.example/\" 1 getprop fork\n"),
      ElementsAre("1:15 warning: only http, https, ldap and ldaps are asked: clauses with urlcheck \"a\" "
                  "do not hold",
                  "1:43 warning: no process is forked: checks are made by threads"));
}

TEST(GreylistUnasked, TellsOfADirectoryWithoutServers) {
  EXPECT_THAT(
      told("ldapcheck \"l\" \"ldap:///dc=x\"\n"),
      ElementsAre("1:0 warning: without an ldapconf nobody is asked: clauses with ldapcheck \"l\" do not "
                  "hold"));
  EXPECT_THAT(told("ldapconf \"ldap://127.0.0.1\"\nldapcheck \"l\" \"ldap:///dc=x\"\n"), IsEmpty());
}

struct MistakeCase {
  const char* name;
  const char* text;
  const char* told;
};
void PrintTo(const MistakeCase& row, std::ostream* out) { *out << row.text; }
class GreylistUpdateMistake : public testing::TestWithParam<MistakeCase> {};
INSTANTIATE_TEST_SUITE_P(
    , GreylistUpdateMistake,
    testing::Values(MistakeCase{"a_record_that_can_not_be_made",
                                "nsupdate \"n\" { rname \"a\" rvalue \"b\" type 15 }\n",
                                "a record is of type 1 (A)"},
                    MistakeCase{"without_a_value", "nsupdate \"n\" { rname \"a\" }\n",
                                "an nsupdate has an rname and an rvalue"},
                    MistakeCase{"a_server_that_is_none",
                                "nsupdate \"n\" { servers \"192.0.2.1,x y@0\" rname \"a\" rvalue \"b\" }\n",
                                "a DNS server is an address or a name"},
                    MistakeCase{"an_unknown_algorithm", "tsig \"k\" \"hmac-crc\" \"c2VjcmV0\"\n",
                                "an algorithm is hmac-md5"},
                    MistakeCase{"a_key_that_is_not_base64", "tsig \"k\" \"hmac-md5\" \"c2VjcmV\"\n",
                                "a key is in base64"},
                    MistakeCase{"a_key_whose_name_is_none", "tsig \"a..b\" \"hmac-md5\" \"c2VjcmV0\"\n",
                                "not a name for the DNS"}),
    [](const auto& row) { return std::string(row.param.name); });
TEST_P(GreylistUpdateMistake, IsTold) {
  EXPECT_THAT(told(GetParam().text), ElementsAre(testing::AllOf(testing::HasSubstr(" error: "),
                                                                testing::HasSubstr(GetParam().told))));
}

}  // namespace
}  // namespace hikyaku::config
