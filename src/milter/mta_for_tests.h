#pragma once
// For tests only.
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "milter/client_session.h"
#include "milter/packet_text.h"

namespace hikyaku::milter::testing_support {

using Session = ClientSession;

inline const ClientAddress kClient{ClientAddress::Family::inet, 2525, "192.0.2.1"};

/// An MTA in front of one filter, whose octets arrive one at a time.
class Mta {
 public:
  explicit Mta(std::uint32_t steps = 0, std::uint32_t version = 6, Session::Settings settings = quiet(),
               std::string_view lists = {})
      : settings_(std::move(settings)), session(settings_) {
    const auto verdict = hear(negotiation(version, 0x1FF, steps, lists));
    EXPECT_EQ(verdict.failure, "");
    sent();
  }
  /// No macros, so that the packets of events stand alone.
  static Session::Settings quiet() {
    Session::Settings settings;
    settings.macros = MacroLists{};
    return settings;
  }
  static Session::Settings with(DefaultAction action) {
    auto settings = quiet();
    settings.default_action = action;
    return settings;
  }

  /// The filter says this, and the event is answered.
  Session::Verdict hear(std::string_view octets) {
    for (const char octet : octets) {
      const auto event = step();
      if (std::holds_alternative<Session::Verdict>(event)) {
        ADD_FAILURE() << "answered before the filter was heard out";
        return std::get<Session::Verdict>(event);
      }
      session.feed(std::string_view(&octet, 1));
    }
    return verdict();
  }
  /// The event is answered with what was heard before.
  Session::Verdict verdict() {
    auto event = step();
    if (auto* given = std::get_if<Session::Verdict>(&event)) return *given;
    ADD_FAILURE() << "no answer: the filter is waited for";
    return {};
  }
  /// Whether the filter is waited for.
  bool waits() {
    auto event = step();
    if (const auto* need = std::get_if<Session::NeedBytes>(&event)) timeout = need->timeout;
    return std::holds_alternative<Session::NeedBytes>(event);
  }
  std::vector<std::string> sent() {
    auto output = session.take_output();
    return packets(output.head.append(output.body));
  }

  void connect() { session.connect("mx.example", kClient, macros); }
  void helo() { session.helo("mx.example", macros); }
  void mail() { session.mail("<a@a.example>", {}, macros); }
  void rcpt(Session::Recipient recipient = Session::Recipient::accepted) {
    session.rcpt("<b@b.example>", {}, recipient, macros);
  }
  /// Up to here the filter has nothing against anything.
  void until_end_of_message() {
    mail(), pass();
    rcpt(), pass();
    session.data(macros), pass();
    session.header("Subject: x", macros), pass();
    session.end_of_headers(macros), pass();
    session.body("body\r\n", macros), pass();
    session.end_of_message(macros);
    sent();
  }
  void pass() {
    if (waits()) EXPECT_EQ(hear(packet('c')), Session::Verdict{});
    sent();
  }

 private:
  Session::Event step() {
    for (;;) {
      auto event = session.next();
      auto* edit = std::get_if<Edit>(&event);
      if (edit == nullptr) {
        if (const auto* need = std::get_if<Session::NeedBytes>(&event)) renewals += need->renewed ? 1 : 0;
        return event;
      }
      edits.push_back(*edit);
    }
  }
  Session::Settings settings_;

 public:
  Session session;
  MacroTable macros;
  std::vector<Edit> edits;
  Session::Timeout timeout{};
  int renewals = 0;
};

}  // namespace hikyaku::milter::testing_support
