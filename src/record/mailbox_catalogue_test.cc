#include "record/mailbox_catalogue.h"

#include <gtest/gtest.h>

namespace hikyaku::record {
namespace {

MailboxCatalogue some() {
  MailboxCatalogue catalogue;
  EXPECT_TRUE(catalogue.add_database("DB02", "/srv/mail boxes/db02"));
  EXPECT_TRUE(catalogue.add_database("DB03", "DB03"));
  EXPECT_TRUE(catalogue.put_domain("example.org", "DB02"));
  EXPECT_TRUE(catalogue.put_account("joe@example.net", "DB03"));
  EXPECT_TRUE(catalogue.put_account("ann@example.org", "default"));
  EXPECT_TRUE(catalogue.put_account("root", "DB02"));
  return catalogue;
}

/// As it stands on disks: it may not change.
constexpr std::string_view kGolden =
    "hikyaku mailbox catalogue 1\n"
    "database DB02 /srv/mail boxes/db02\n"
    "database DB03 DB03\n"
    "domain example.org DB02\n"
    "account ann@example.org default\n"
    "account joe@example.net DB03\n"
    "account root DB02\n"
    "checksum 3b0b038b\n";

TEST(MailboxCatalogue, HasTheseOctetsAndReadsThem) {
  EXPECT_EQ(some().text(), kGolden);
  const auto read = MailboxCatalogue::parse(kGolden);
  ASSERT_TRUE(read) << read.error().text;
  EXPECT_EQ(*read, some());
}

struct PlaceCase {
  const char *name, *account, *database, *rule;
  std::uint32_t line;
};
class CataloguePlace : public testing::TestWithParam<PlaceCase> {};
TEST_P(CataloguePlace, IsByTheAccountThenTheDomainThenDefault) {
  const auto place = some().place_of(GetParam().account);
  EXPECT_EQ(place.database, GetParam().database);
  EXPECT_EQ(place.rule, GetParam().rule);
  EXPECT_EQ(place.line, GetParam().line);
  EXPECT_EQ(some().database_of(GetParam().account), GetParam().database);
}
INSTANTIATE_TEST_SUITE_P(
    , CataloguePlace,
    testing::Values(PlaceCase{"own_line", "joe@example.net", "DB03", "account joe@example.net DB03", 6},
                    PlaceCase{"own_line_over_the_domain's", "ann@example.org", "default",
                              "account ann@example.org default", 5},
                    PlaceCase{"domain", "bob@example.org", "DB02", "domain example.org DB02", 4},
                    PlaceCase{"local_user", "root", "DB02", "account root DB02", 7},
                    PlaceCase{"quoted_at", "a@b@example.org", "DB02", "domain example.org DB02", 4},
                    PlaceCase{"no_line", "bob@example.net", "default", "", 0},
                    PlaceCase{"local_user_without_a_line", "bob", "default", "", 0}),
    [](const auto& row) {
      std::string name(row.param.name);
      std::erase(name, '\'');
      return name;
    });

TEST(MailboxCatalogue, KeepsNoLineForAnAccountThatIsThereByItsDomain) {
  auto catalogue = some();
  ASSERT_TRUE(catalogue.put_account("ann@example.org", "DB02"));
  EXPECT_FALSE(catalogue.accounts().contains("ann@example.org"));
  ASSERT_TRUE(catalogue.pin_account("ann@example.org", "DB02"));
  EXPECT_EQ(catalogue.accounts().at("ann@example.org").value, "DB02");
}

struct RefusedCase {
  const char *name, *text, *error;
};
class CatalogueRefused : public testing::TestWithParam<RefusedCase> {};
TEST_P(CatalogueRefused, NamesTheLine) {
  const auto read = MailboxCatalogue::parse(GetParam().text);
  ASSERT_FALSE(read);
  EXPECT_TRUE(read.error().text.starts_with(GetParam().error)) << read.error().text;
}
#define TITLE "hikyaku mailbox catalogue 1\n"
INSTANTIATE_TEST_SUITE_P(
    , CatalogueRefused,
    testing::Values(RefusedCase{"empty", "", "1: it ends without its checksum"},
                    RefusedCase{"another_file", "mailbox_size_limit = 0\n", "1: this is no catalogue"},
                    RefusedCase{"newer", "hikyaku mailbox catalogue 2\n", "1: a newer hikyaku"},
                    RefusedCase{"version", "hikyaku mailbox catalogue x\n", "1: its version"},
                    RefusedCase{"no_checksum", TITLE, "2: it ends without its checksum"},
                    RefusedCase{"edited", TITLE "checksum 00000000\n", "2: the checksum is not that"},
                    RefusedCase{"kind", TITLE "user joe DB02\n", "2: neither database"},
                    RefusedCase{"unknown_database", TITLE "account joe DB02\n", "2: there is no"},
                    RefusedCase{"no_database", TITLE "account joe\n", "2: no name of a database"},
                    RefusedCase{"twice", TITLE "database a /a\ndatabase a /b\n", "3: a database out"},
                    RefusedCase{"default", TITLE "database default /a\n", "2: there is a mailbox"},
                    RefusedCase{"directory", TITLE "database a\n", "2: a database without"},
                    RefusedCase{"name", TITLE "database ../a /a\n", "2: a mailbox database's name"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(MailboxCatalogue, IsRefusedWithAnyOctetChangedOrCutOff) {
  for (std::size_t at = 0; at < kGolden.size(); ++at) {
    EXPECT_FALSE(MailboxCatalogue::parse(kGolden.substr(0, at))) << at;
    std::string changed(kGolden);
    changed[at] = static_cast<char>(changed[at] ^ 4);
    EXPECT_FALSE(MailboxCatalogue::parse(changed)) << at;
  }
}

TEST(MailboxCatalogue, RefusesWhatItCouldNotWriteDown) {
  auto catalogue = some();
  EXPECT_FALSE(catalogue.add_database("default", "/x"));
  EXPECT_FALSE(catalogue.add_database("DB02", "/x"));
  EXPECT_FALSE(catalogue.add_database("a b", "/x"));
  EXPECT_FALSE(catalogue.add_database("a", "/x\ny"));
  EXPECT_FALSE(catalogue.put_account("joe\n", "DB02"));
  EXPECT_FALSE(catalogue.put_account("joe", "DB04"));
  EXPECT_EQ(catalogue, some());
}

}  // namespace
}  // namespace hikyaku::record
