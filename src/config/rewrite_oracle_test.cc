// The recorded cases of Postfix 3.7.11 (tests/oracle/README.md), as far as rewriting decides them: the sender
// and the recipients in the queue, and every header of what is delivered, octet for octet.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <string>

#include "config/rewrite_settings.h"
#include "mail/address_tokens.h"
#include "mail/header.h"
#include "rewrite/outbound.h"
#include "rewrite/rewriter.h"
#include "table/cidr_contents.h"
#include "table/fixed_contents.h"
#include "table/memory_tables.h"
#include "table/pattern_contents.h"
#include "table/spec.h"

namespace hikyaku::config {
namespace {

using nlohmann::json;

std::string read_file(const std::string& name) {
  std::ifstream file(std::string(HIKYAKU_SOURCE_DIR) + "/tests/oracle/" + name);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The tables of one case, by "@T@/name".
class CaseTables final : public table::Opener {
 public:
  CaseTables(const json& tables, SourceCatalogue& sources) {
    for (const auto& [name, table] : tables.items()) {
      files_["@T@/" + name] = {table["content"].get<std::string>(), sources.add("@T@/" + name)};
    }
  }

  Result<std::shared_ptr<const table::Table>> open(std::string_view spec, Origin where) override {
    const auto parsed = table::parse_spec(spec);
    if (!parsed) return std::unexpected(parsed.error());
    if (parsed->type == "inline") return table::make_inline(spec, parsed->name, where);
    if (parsed->type == "static") return table::make_static(spec, parsed->name, where);
    if (parsed->type == "unionmap") return table::make_union(spec, parsed->name, where, *this, true);
    if (parsed->type == "pipemap") return table::make_pipe(spec, parsed->name, where, *this, true);
    const auto file = files_.find(std::string(parsed->name));
    if (file == files_.end()) return fail(Fault::not_found, "no table " + std::string(spec));
    const auto& [text, number] = file->second;
    table::Loaded loaded;
    if (parsed->type == "hash" || parsed->type == "texthash") {
      loaded = table::load_fixed(text, number);
      // Postfix does not use a texthash: with a key that comes twice at all.
      if (parsed->type == "texthash" && !loaded.diagnostics.empty()) {
        return table::unavailable_table(spec, loaded.diagnostics.front().text);
      }
    } else if (parsed->type == "regexp") {
      loaded = table::load_regexp(text, number, table::Substitution::allowed);
    } else if (parsed->type == "pcre") {
      loaded = table::load_pcre(text, number, table::Substitution::allowed);
    } else if (parsed->type == "cidr") {
      loaded = table::load_cidr(text, number);
    } else {
      return fail(Fault::malformed, "unknown table type: " + std::string(spec));
    }
    return std::make_shared<table::FixedTable>(std::string(spec), loaded.contents);
  }

  Result<std::vector<table::Element>> list(std::string_view path, Origin where) override {
    const auto file = files_.find(std::string(path));
    if (file == files_.end()) return fail(Fault::not_found, "no file " + std::string(path));
    std::vector<table::Element> out;
    for (const auto word : table::split_list(file->second.first)) out.push_back({std::string(word), where});
    return out;
  }

 private:
  std::map<std::string, std::pair<std::string, std::uint32_t>> files_;
};

std::string main_cf(const json& one) {
  std::set<std::string> own;
  for (const auto settings = one.value("config", json::object());
       const auto& [name, value] : settings.items())
    own.insert(name);
  const auto more = one.value("main_cf", "");
  const std::regex setting("(^|\n)([A-Za-z_0-9]+)[ \t]*=");
  for (std::sregex_iterator i(more.begin(), more.end(), setting), end; i != end; ++i) own.insert((*i)[2]);
  std::string text;
  std::istringstream base(read_file("base_main.cf"));
  for (std::string line; std::getline(base, line);) {
    auto name = line.substr(0, line.find('='));
    name.erase(name.find_last_not_of(' ') + 1);
    if (!own.contains(name)) text += line + "\n";
  }
  for (const auto settings = one.value("config", json::object());
       const auto& [name, value] : settings.items()) {
    text += name + " = " + value.get<std::string>() + "\n";
  }
  return text + more;
}

mail::Address internal_of(const std::string& external) {
  return *mail::Address::from_internal(mail::unquote_local_part(external));
}

std::string with_crlf(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n') out += '\r';
    out += c;
  }
  return out;
}

/// As the cases write headers: one string each, folds as '\n', what the hub makes normalised.
std::vector<std::string> header_list(std::string_view section, const std::set<std::string>& given) {
  std::vector<std::string> out;
  mail::HeaderFields fields(section);
  while (const auto field = fields.next()) {
    std::string text(field->text);
    std::erase(text, '\r');
    std::string name(field->name);
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
    if (!given.contains(name)) {
      if (name == "date" || name == "resent-date") text = text.substr(0, text.find(':')) + ": DATE";
      if (name == "message-id" || name == "resent-message-id") {
        text = std::regex_replace(text, std::regex("<\\d{14}\\.[^@]+@"), "<STAMP.QID@");
      }
    }
    out.push_back(text);
  }
  return out;
}

class RewriteOracle : public testing::TestWithParam<std::string> {};

TEST_P(RewriteOracle, does_what_postfix_does) {
  const auto one = json::parse(GetParam());
  const auto& expected = one["expected"];
  if (one["compare"] == "loose") return;
  SCOPED_TRACE(one["id"].get<std::string>() + ": " + one["note"].get<std::string>());

  SourceCatalogue sources;
  Diagnostics diagnostics;
  const auto main = Main::parse(main_cf(one), "main.cf", sources, diagnostics,
                                {"mail.hub.test", {{"127.0.0.1", "127.0.0.0/8"}}, "/"});
  CaseTables tables(one.value("tables", json::object()), sources);
  const std::vector machine = {*table::Ip::parse("127.0.0.1")};
  auto settings = rewrite_settings(main, machine, tables, diagnostics);
  ASSERT_TRUE(settings) << settings.error().text << text(diagnostics, sources);
  auto outbound_of = outbound_settings(main, ClientProtocol::smtp, machine, tables, diagnostics);
  ASSERT_TRUE(outbound_of) << outbound_of.error().text;
  const rewrite::Rewriter rewriter(std::move(*settings));
  const rewrite::Outbound outbound(std::move(*outbound_of));

  const auto& replies = expected["smtp"];
  if (replies.empty() || replies.back()["cmd"] != "(data)") return;  // refused before any rewriting

  Explanation why;
  const auto client = one["client"].get<std::string>();
  const auto sasl = one.contains("sasl") && one["sasl"].is_string() ? one["sasl"].get<std::string>() : "";
  const auto context = rewriter.header_context({client, "unknown", sasl, false, {}, {}}, why);
  ASSERT_TRUE(context);

  rewrite::EnvelopeRewriting envelope(rewriter, why, {});
  const auto sender = envelope.sender(internal_of(one["mail_from"].get<std::string>()));
  for (const auto& reply : replies) {
    const auto command = reply["cmd"].get<std::string>();
    if (!command.starts_with("RCPT TO:<") || !reply["reply"].get<std::string>().starts_with("250")) continue;
    const auto external = command.substr(9, command.rfind('>') - 9);
    envelope.recipient({internal_of(external), "rfc822;" + external, 0});
  }
  const auto message = with_crlf(one["message"].get<std::string>());
  const auto end = mail::find_header_end(message);
  const auto section = std::string_view(message).substr(0, end.header);
  const auto headers = rewriter.headers(section, *context, {sender, "QID", false, Time{}, {}, {}}, why);
  for (const auto& bcc : headers.actions.bcc) envelope.bcc(bcc);
  const auto result = envelope.finish();

  const auto refusal = result.refusal ? result.refusal : headers.actions.refusal;
  const auto data_reply = replies.back()["reply"].get<std::string>();
  if (refusal) {
    EXPECT_EQ(std::to_string(refusal->code) + " " + refusal->enhanced + " " + refusal->text, data_reply);
    return;
  }
  EXPECT_EQ(data_reply.substr(0, 3), "250");
  if (headers.actions.discard) {
    EXPECT_TRUE(expected["deliveries"].empty());
    return;
  }
  if (expected["queue_sender"].is_string()) {
    EXPECT_EQ(sender.text(), expected["queue_sender"].get<std::string>());
  }

  std::multiset<std::string> recipients, wanted;
  for (const auto& recipient : result.recipients) {
    const auto& address = headers.actions.redirect ? *headers.actions.redirect : recipient.address;
    recipients.insert(address.text());
  }
  for (const auto& status : expected["status"]) wanted.insert(status["to"].get<std::string>());
  EXPECT_EQ(recipients, wanted);

  std::set<std::string> given;
  mail::HeaderFields fields(section);
  while (const auto field = fields.next()) {
    std::string name(field->name);
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
    given.insert(name);
  }
  const auto rewritten = headers.section.value_or(std::string(section));
  if (one.contains("master_cf")) return;  // each transport has its own smtp_generic_maps
  for (const auto& delivery : expected["deliveries"]) {
    auto sent = rewritten;
    if (delivery["proto"] == "smtp") {
      auto out = outbound.headers(sent, why);
      ASSERT_TRUE(out) << out.error().text;
      if (out->section) sent = *out->section;
      const auto from = outbound.address(sender, "envelope sender", why);
      ASSERT_TRUE(from);
      const auto mail_from = delivery["mail_from"].get<std::string>();
      EXPECT_EQ("<" + from->text() + ">", mail_from.substr(0, mail_from.rfind('>') + 1));
      std::set<std::string> possible;
      for (const auto& recipient : result.recipients) {
        const auto to =
            outbound.address(headers.actions.redirect.value_or(recipient.address), "envelope recipient", why);
        ASSERT_TRUE(to);
        possible.insert("<" + to->text() + ">");
      }
      for (const auto& to : delivery["rcpt_to"]) {
        const auto path = to.get<std::string>();
        EXPECT_TRUE(possible.contains(
            path.substr(0, path.find("> ") == std::string::npos ? path.size() : path.find("> ") + 1)))
            << path;
      }
    }
    std::vector<std::string> want;
    for (const auto& header : delivery["headers"]) {
      const auto text = header.get<std::string>();
      if (!text.starts_with("Received: from client.test")) want.push_back(text);
    }
    auto got = header_list(sent, given);
    EXPECT_EQ(got, want);
  }
  EXPECT_TRUE(why.entries().size() < 200);
}

std::vector<std::string> all_cases() {
  std::vector<std::string> lines;
  std::istringstream file(read_file("cases.jsonl"));
  for (std::string line; std::getline(file, line);) {
    if (!line.empty()) lines.push_back(line);
  }
  return lines;
}

INSTANTIATE_TEST_SUITE_P(, RewriteOracle, testing::ValuesIn(all_cases()), [](const auto& row) {
  auto name = json::parse(row.param)["id"].template get<std::string>();
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

}  // namespace
}  // namespace hikyaku::config
