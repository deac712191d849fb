#pragma once
#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "config/greylist_conf.h"
#include "greylist/evaluation.h"
#include "greylist/rule_text.h"
#include "greylist/tuple.h"

// What tests of the evaluation share: a client and its mail, and rules written as in greylist.conf.

namespace hikyaku::config::for_tests {

using namespace greylist;

/// Joe's mail to kim from mx.a.example.
struct Situation {
  Facts facts;
  Answers answers;
  Properties properties;
  std::vector<std::pair<std::string, std::string>> macros = {{"j", "hub.example"},
                                                             {"{if_addr}", "192.0.2.25"}};

  Situation() {
    facts.client = table::Ip::parse("192.0.2.7");
    facts.client_name = "mx.a.example";
    facts.helo = "Helo.A.example";
    facts.raw_sender = "<prvs=1=Joe@a.example>";
    facts.sender = tuple_sender(facts.raw_sender);
    facts.recipient = "<kim@b.example>";
    facts.country = "JP";
    facts.local_time.tm_hour = 12;
    facts.local_time.tm_mday = 1;
    facts.macro = [this](std::string_view name) -> std::optional<std::string_view> {
      for (const auto& [macro, value] : macros)
        if (macro == name) return value;
      return std::nullopt;
    };
  }
  Situation(const Situation&) = delete;

  void at_the_end() {
    facts.recipient.clear();
    facts.accepted = {"<kim@b.example>", "<lee@b.example>"};
    facts.header_lines = {"Subject: Cheap watches\r\n", "X-Spam: YES\r\n"};
    facts.body_pieces = {"\r\n", "Buy now\r\nor never\r\n"};
    facts.message_size = 2000;
  }
  void dns(const std::string& name, DnsQuestion::Type type, std::vector<std::string> records,
           DnsAnswer::Status status = DnsAnswer::Status::found) {
    answers.dns.add({name, type}, {status, std::move(records)});
  }
};

struct Rules {
  SourceCatalogue sources;
  Diagnostics diagnostics;
  Configuration configuration;
  explicit Rules(std::string_view text)
      : configuration(read_greylist_conf(text, sources.add("greylist.conf"), diagnostics)) {
    EXPECT_EQ(config::text(diagnostics, sources), "");
  }
};

inline Stage stage_of(const Situation& situation) {
  return situation.facts.recipient.empty() ? Stage::message : Stage::recipient;
}

inline std::variant<Decision, Questions> look_at(const Rules& rules, const Situation& situation,
                                                 Explanation* why = nullptr) {
  return evaluate(stage_of(situation), rules.configuration, situation.facts, situation.properties,
                  situation.answers, {}, why);
}

inline Decision decide(const Rules& rules, const Situation& situation) {
  auto result = look_at(rules, situation);
  if (const auto* open = std::get_if<Questions>(&result)) {
    for (const auto& question : open->dns) ADD_FAILURE() << "asked " << question.name;
    for (const auto& question : open->checks) ADD_FAILURE() << "asked " << question.url;
    return {};
  }
  return std::get<Decision>(std::move(result));
}

/// "whitelist by line 2", "greylist by default".
inline std::string outcome(const Decision& decision) {
  return std::string(text(decision.action)) +
         (decision.rule == nullptr ? " by default" : " by line " + std::to_string(decision.rule->last_line));
}

/// "needed … / ahead …", by name.
inline std::string asked(const std::variant<Decision, Questions>& result) {
  const auto* open = std::get_if<Questions>(&result);
  if (open == nullptr) return "nothing: " + outcome(std::get<Decision>(result));
  std::string out;
  for (const auto& one : open->dns) out += one.name + " ";
  for (const auto& one : open->checks) out += one.url + " ";
  out += "/";
  for (const auto& one : open->ahead) out += " " + one.name;
  return out;
}

/// One of `words`, by a generator of the test's own.
template <std::size_t N>
std::string one_of(std::mt19937& random, const std::array<const char*, N>& words) {
  return words[random() % N];
}

}  // namespace hikyaku::config::for_tests
