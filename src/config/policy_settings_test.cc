#include "config/policy_settings.h"

#include <gtest/gtest.h>

#include <string>

#include "config/route_settings.h"
#include "table/given_tables.h"

namespace hikyaku::config {
namespace {

struct Read {
  explicit Read(const std::string& main_cf) {
    tables.give("/t", "a OK\n");
    main = std::make_unique<Main>(
        Main::parse("compatibility_level = 3.6\nmyhostname = mail.hub.test\n" + main_cf, "main.cf", sources,
                    diagnostics));
    settings = policy_settings(*main, {}, tables, diagnostics);
  }
  std::string remarks() const { return text(diagnostics, sources); }

  SourceCatalogue sources;
  Diagnostics diagnostics;
  table::GivenTables tables;
  std::unique_ptr<Main> main;
  Result<policy::Settings> settings;
};

TEST(PolicySettings, DefaultsRelayForNobodyElse) {
  const Read read("");
  ASSERT_TRUE(read.settings) << read.remarks();
  ASSERT_EQ(read.settings->relay.size(), 3U);
  EXPECT_EQ(read.settings->relay.back().text, "defer_unauth_destination");
  EXPECT_TRUE(read.settings->delay_reject);
  EXPECT_TRUE(read.settings->relay_before_recipient);
}

struct FaultCase {
  const char* name;
  std::string main_cf;
  std::string remark;
};
class PolicySettingsFault : public testing::TestWithParam<FaultCase> {};

TEST_P(PolicySettingsFault, with_its_place) {
  const Read read(GetParam().main_cf);
  EXPECT_FALSE(read.settings);
  EXPECT_NE(read.remarks().find(GetParam().remark), std::string::npos) << read.remarks();
}

INSTANTIATE_TEST_SUITE_P(
    , PolicySettingsFault,
    testing::Values(
        FaultCase{"misspelt_restriction", "smtpd_recipient_restrictions =\n  permit_mynetwork,\n  reject\n",
                  "main.cf:4:3: error: smtpd_recipient_restrictions: unknown restriction "
                  "\"permit_mynetwork\"; did you mean permit_mynetworks?"},
        FaultCase{"policy_server",
                  "smtpd_recipient_restrictions = check_policy_service inet:127.0.0.1:10023\n",
                  "check_policy_service is not supported"},
        FaultCase{"open_relay", "smtpd_relay_restrictions = permit_mynetworks\n",
                  "else this is an open relay"},
        FaultCase{"open_relay_by_emptying", "smtpd_relay_restrictions =\n", "else this is an open relay"},
        FaultCase{"class_without_definition", "smtpd_restriction_classes = strict\n",
                  "restriction class strict has no definition"},
        FaultCase{"class_of_itself", "smtpd_restriction_classes = one two\none = two\ntwo = one\n",
                  "contains itself"},
        FaultCase{"misspelt_class",
                  "smtpd_restriction_classes = strict\nstrict = reject\nsmtpd_client_restrictions = stirct\n",
                  "did you mean strict?"},
        FaultCase{"code_out_of_range", "reject_code = 99\n", "reject_code: 99 is no SMTP reply code"},
        FaultCase{"bare_table_at_data", "smtpd_data_restrictions = hash:/t\n", "needs check_client_access"},
        FaultCase{"filter_of_a_list", "smtpd_client_restrictions = reject_rbl_client a.test=127.0.0\n",
                  "is no address pattern"},
        FaultCase{"table_that_does_not_open", "smtpd_client_restrictions = check_client_access hash:/none\n",
                  "no table hash:/none"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(PolicySettings, ClassesMayNameEachOtherInAnyOrder) {
  const Read read(
      "smtpd_restriction_classes = outer inner\nouter = inner, permit\ninner = check_client_access hash:/t\n"
      "smtpd_client_restrictions = outer\n");
  ASSERT_TRUE(read.settings) << read.remarks();
  const auto& members = *read.settings->client.at(0).members;
  EXPECT_EQ(members.at(0).argument, "inner");
  EXPECT_EQ(members.at(0).members->at(0).text, "check_client_access hash:/t");
}

TEST(PolicySettings, WarnsOfWhatIsNeverReached) {
  const Read read("smtpd_client_restrictions = permit, reject\n");
  ASSERT_TRUE(read.settings);
  EXPECT_NE(read.remarks().find("what stands behind permit is never reached"), std::string::npos)
      << read.remarks();
}

TEST(RateLimitSettings, AreReadFromMainCf) {
  Read read("smtpd_client_message_rate_limit = 30\nmynetworks = 192.0.2.0/24\n");
  const auto limits = rate_limits(*read.main, read.tables, read.diagnostics);
  EXPECT_EQ(limits.message_rate, 30U);
  EXPECT_EQ(limits.connection_count, 50U);
  EXPECT_EQ(limits.unit, std::chrono::seconds(60));
  const auto match = limits.exceptions.match(*table::Ip::parse("192.0.2.5"), nullptr);
  EXPECT_TRUE(match && match->has_value()) << "the default is mynetworks";
}

}  // namespace
}  // namespace hikyaku::config
