#include "config/rewrite_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "table/memory_tables.h"
#include "table/spec.h"

namespace hikyaku::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class InlineTables final : public table::Opener {
 public:
  Result<std::shared_ptr<const table::Table>> open(std::string_view spec, Origin where) override {
    const auto parsed = table::parse_spec(spec);
    if (parsed && parsed->type == "static") return table::make_static(spec, parsed->name, where);
    if (parsed && parsed->type == "inline") return table::make_inline(spec, parsed->name, where);
    return fail(Fault::not_found, "cannot open " + std::string(spec));
  }
};

struct Loaded {
  SourceCatalogue sources;
  Diagnostics diagnostics;
  InlineTables tables;
  Result<rewrite::Settings> settings = fail(Fault::not_found, "");

  explicit Loaded(std::string_view text) {
    const auto main = Main::parse(text, "main.cf", sources, diagnostics,
                                  {"mail.hub.test", {{"127.0.0.1", "127.0.0.0/8"}}, "/"});
    const std::vector machine = {*table::Ip::parse("127.0.0.1"), *table::Ip::parse("192.0.2.7")};
    settings = rewrite_settings(main, machine, tables, diagnostics);
  }
  std::string told() const { return text(diagnostics, sources); }
};

TEST(RewriteSettings, defaults_are_postfix_s) {
  const Loaded loaded("compatibility_level = 3.6\nmyhostname = mail.hub.test\n");
  ASSERT_TRUE(loaded.settings) << loaded.told();
  const auto& settings = *loaded.settings;
  EXPECT_EQ(settings.completion.myorigin.text, "mail.hub.test");
  EXPECT_EQ(settings.completion.mydomain.text, "hub.test");
  EXPECT_TRUE(settings.completion.append_at_myorigin.on);
  EXPECT_FALSE(settings.completion.append_dot_mydomain.on);
  EXPECT_TRUE(settings.sender_canonical.classes.has(rewrite::AddressClass::header_sender));
  EXPECT_FALSE(settings.sender_canonical.classes.has(rewrite::AddressClass::header_recipient));
  EXPECT_FALSE(settings.masquerade.classes.has(rewrite::AddressClass::envelope_recipient));
  EXPECT_THAT(settings.drop_headers, ElementsAre("bcc", "content-length", "resent-bcc", "return-path"));
  ASSERT_EQ(settings.local_clients.size(), 1U);
  EXPECT_EQ(settings.local_clients[0].kind, rewrite::ClientRule::Kind::inet_interfaces);
  EXPECT_EQ(settings.own_addresses.size(), 2U);
  EXPECT_TRUE(settings.lookup.propagate_canonical);
  EXPECT_FALSE(settings.lookup.propagate_generic);
  EXPECT_EQ(settings.hop_limit, 50U);
  EXPECT_EQ(settings.body_checks_size, 51200U);
}

TEST(RewriteSettings, each_value_knows_its_line) {
  const Loaded loaded(
      "sender_canonical_maps = static:a@b.example\nlocal_header_rewrite_clients = permit_mynetworks,\n"
      "  check_address_map static:all\n");
  ASSERT_TRUE(loaded.settings) << loaded.told();
  EXPECT_EQ(loaded.sources.text(loaded.settings->sender_canonical.origin), "main.cf:1");
  ASSERT_EQ(loaded.settings->local_clients.size(), 2U);
  EXPECT_EQ(loaded.sources.text(loaded.settings->local_clients[0].origin), "main.cf:2");
  EXPECT_EQ(loaded.settings->local_clients[1].text, "check_address_map static:all");
  EXPECT_EQ(loaded.sources.text(loaded.settings->local_clients[1].origin), "main.cf:3");
}

TEST(RewriteSettings, masquerade_domains_keep_their_order_and_exemptions) {
  const Loaded loaded("masquerade_domains = !a.Hub.TEST hub.test\nmasquerade_exceptions = root\n");
  ASSERT_TRUE(loaded.settings);
  const auto& domains = loaded.settings->masquerade.domains;
  ASSERT_EQ(domains.size(), 2U);
  EXPECT_EQ(domains[0].domain, "a.hub.test");
  EXPECT_TRUE(domains[0].exempt);
  EXPECT_FALSE(domains[1].exempt);
}

struct FaultCase {
  const char* name;
  std::string_view main_cf;
  std::string_view says;
};
class RewriteSettingsFault : public testing::TestWithParam<FaultCase> {};

TEST_P(RewriteSettingsFault, is_told_with_its_line) {
  const Loaded loaded(GetParam().main_cf);
  EXPECT_TRUE(loaded.diagnostics.failed());
  EXPECT_THAT(loaded.told(), HasSubstr(GetParam().says));
}

INSTANTIATE_TEST_SUITE_P(
    , RewriteSettingsFault,
    testing::Values(FaultCase{"misspelled_class", "\nsender_canonical_classes = header_sendr\n",
                              "main.cf:2:28: error: sender_canonical_classes: \"header_sendr\" is not known "
                              "here; did you mean header_sender?"},
                    FaultCase{"swapped_class", "canonical_classes = sender_envelope\n",
                              "it may be envelope_sender"},
                    FaultCase{"unknown_class", "canonical_classes = envelope\n",
                              "main.cf:1:21: error: canonical_classes: \"envelope\" is not known here"},
                    FaultCase{"misspelled_client", "local_header_rewrite_clients = permit_mynetwork\n",
                              "did you mean permit_mynetworks?"},
                    FaultCase{"map_forgotten", "local_header_rewrite_clients = check_address_map\n",
                              "needs a table after it"},
                    FaultCase{"table_missing", "canonical_maps = hash:/nowhere\n", "canonical_maps: "},
                    FaultCase{"unknown_extension_name", "propagate_unmatched_extensions = canonicl\n",
                              "did you mean canonical?"},
                    FaultCase{"no_header", "undisclosed_recipients_header = nobody\n", "is no header"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(OwnAddresses, names_stand_for_interfaces) {
  SourceCatalogue sources;
  Diagnostics diagnostics;
  const std::vector machine = {*table::Ip::parse("127.0.0.1"), *table::Ip::parse("192.0.2.7"),
                               *table::Ip::parse("::1")};
  const auto of = [&](std::string text) {
    return own_addresses(Main::parse(text, "main.cf", sources, diagnostics), machine, diagnostics).size();
  };
  EXPECT_EQ(of("inet_interfaces = all\n"), 3U);
  EXPECT_EQ(of("inet_interfaces = loopback-only\n"), 2U);
  EXPECT_EQ(of("inet_interfaces = 192.0.2.9, [::1]\nproxy_interfaces = 198.51.100.1\n"), 3U);
  EXPECT_TRUE(diagnostics.all().empty());
  EXPECT_EQ(of("inet_interfaces = mail.hub.test\n"), 0U);
  EXPECT_EQ(diagnostics.all().size(), 1U);
}

TEST(AliasSettingsOf, commands_want_to_be_switched_on_by_hand) {
  SourceCatalogue sources;
  Diagnostics diagnostics;
  InlineTables tables;
  const auto of = [&](std::string_view text) {
    return *alias_settings(Main::parse(text, "main.cf", sources, diagnostics), {}, tables, diagnostics);
  };
  EXPECT_FALSE(of("alias_maps = static:x\n").commands);
  EXPECT_TRUE(of("alias_maps =\nallow_mail_to_commands = alias\n").commands);
  EXPECT_FALSE(of("alias_maps =\nallow_mail_to_files = forward\n").files);
}

TEST(OutboundSettingsOf, smtp_and_lmtp_have_their_own) {
  SourceCatalogue sources;
  Diagnostics diagnostics;
  InlineTables tables;
  const auto main = Main::parse("smtp_generic_maps = static:x@y.example\n", "main.cf", sources, diagnostics);
  EXPECT_FALSE(outbound_settings(main, ClientProtocol::smtp, {}, tables, diagnostics)->generic.maps.empty());
  EXPECT_TRUE(outbound_settings(main, ClientProtocol::lmtp, {}, tables, diagnostics)->generic.maps.empty());
}

}  // namespace
}  // namespace hikyaku::config
