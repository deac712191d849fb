// Random filters with random edits over random messages: through the multiplexer the message and its envelope
// become, octet for octet, what they become when the filters are asked one after the other, as Postfix does.
#include <gtest/gtest.h>

#include <random>

#include "milter/envelope_edits.h"
#include "milter/header_list.h"
#include "milter/multiplexer_for_tests.h"

namespace hikyaku::milter {
namespace {

using testing_support::Rig;
using Session = FilterSession;
using Random = std::mt19937;
using Kind = ClientSession::Verdict::Kind;

std::size_t pick(Random& random, std::size_t below) { return random() % below; }

constexpr const char* kNames[] = {"X-A", "x-a", "Subject", "Received", "X-New"};
std::string value(Random& random) {
  constexpr const char* kValues[] = {"", "one", "two\n folded", " blank", "three\tx"};
  return kValues[pick(random, std::size(kValues))];
}

struct RandomFilter {
  unsigned seed;
  std::uint32_t actions, steps;
  enum class At : unsigned char {
    never,
    connect,
    helo,
    data,
    header,
    end_of_headers,
    body,
    end_of_message
  } decides;
  Session::Answer verdict;
  bool deaf;  // to the rest of a message, as libmilter is
  bool told_ahead;

  static RandomFilter make(Random& random) {
    RandomFilter filter{static_cast<unsigned>(random()),
                        0,
                        0,
                        At::never,
                        Session::Answer::go_on,
                        pick(random, 2) == 0,
                        pick(random, 4) != 0};
    for (const auto one : {action::add_headers, action::change_headers, action::change_body,
                           action::add_recipients, action::remove_recipients, action::change_sender})
      if (pick(random, 3) == 0) filter.actions |= one;
    for (const auto one : {step::no_headers, step::no_body, step::header_leading_space, step::no_reply_header,
                           step::no_reply_body, step::no_reply_end_of_headers, step::no_helo})
      if (pick(random, 4) == 0) filter.steps |= one;
    if (pick(random, 6) == 0) {
      filter.decides = static_cast<At>(1 + pick(random, 7));
      filter.steps &=
          ~(step::no_reply_header | step::no_reply_end_of_headers | step::no_reply_body | step::no_helo);
      constexpr Session::Answer kAnswers[] = {Session::Answer::accept, Session::Answer::discard,
                                              Session::Answer::reject, Session::Answer::tempfail};
      filter.verdict = kAnswers[pick(random, 4)];
    }
    return filter;
  }
  LeadingSpace space() const {
    return (steps & step::header_leading_space) != 0 ? LeadingSpace::kept : LeadingSpace::taken_off;
  }
  bool refuses() const { return decides != At::never && verdict != Session::Answer::accept; }
  /// It gets to its decision with a message of these.
  bool decides_on(const std::vector<std::string>& headers, const std::string& body) const {
    if (decides == At::header) return !headers.empty();
    if (decides == At::body) return !body.empty();
    return decides != At::never;
  }
  /// What it asks for depends on all that it saw.
  std::vector<Edit> edits(const std::vector<std::string>& headers, const std::string& body) const {
    std::size_t seen = seed;
    for (const auto& one : headers) seen = seen * 31 + std::hash<std::string>()(one);
    seen = seen * 31 + std::hash<std::string>()(body);
    Random random(static_cast<unsigned>(seen));
    std::vector<Edit> all;
    for (auto count = pick(random, 5); count > 0; --count) {
      const std::string name = kNames[pick(random, std::size(kNames))];
      const auto number = static_cast<std::uint32_t>(pick(random, 7));
      const std::string address = "<r" + std::to_string(pick(random, 4)) + "@b.example>";
      switch (pick(random, 6)) {
        case 0:
          all.emplace_back(AddHeader{name, value(random)});
          break;
        case 1:
          all.emplace_back(InsertHeader{number, name, value(random)});
          break;
        case 2:
          all.emplace_back(ChangeHeader{number, name, value(random)});
          break;
        case 3:
          all.emplace_back(AddRecipient{address, {}});
          break;
        case 4:
          all.emplace_back(RemoveRecipient{address});
          break;
        default:
          all.emplace_back(ChangeSender{address, ""});
      }
    }
    if (pick(random, 2) == 0) {
      all.emplace_back(ReplaceBody{"new " + std::to_string(seen % 100) + "\nlines\r"});
      all.emplace_back(ReplaceBody{pick(random, 2) == 0 ? "\nmore" : ""});
    }
    std::erase_if(all, [this](const auto& edit) { return (actions & required_action(edit)) == 0; });
    return all;
  }
};

struct Message {
  HeaderList headers;
  std::string body;
  EnvelopeEdits envelope;
  std::string fate = "taken";

  static Message make(Random& random) {
    std::string section = "Received: ours\r\n", body;
    for (auto count = pick(random, 6); count > 0; --count) {
      section += kNames[pick(random, std::size(kNames))];
      section += pick(random, 3) == 0 ? ":" : ": ";
      section += pick(random, 3) == 0 ? "v\r\n\tfold\r\n" : "v" + std::to_string(count) + "\r\n";
    }
    for (auto count = pick(random, 4); count > 0; --count) body += "line " + std::to_string(count) + "\r\n";
    Message message{HeaderList(section, HeaderList::First::own_received), std::move(body), {}, "taken"};
    message.envelope.sender = mail::Address::parse("a@a.example").value();
    for (const auto* one : {"r0@b.example", "r1@b.example"})
      message.envelope.recipients.push_back({mail::Address::parse(one).value(), ""});
    return message;
  }
  void apply(const std::vector<Edit>& edits, LeadingSpace space) {
    BodyReplacement replacement;
    std::optional<std::string> replaced;
    for (const auto& edit : edits) {
      if (const auto* chunk = std::get_if<ReplaceBody>(&edit)) {
        if (!replaced) replaced.emplace();
        replacement.append(chunk->octets, *replaced);
      } else if (!headers.apply(edit, space)) {
        EXPECT_TRUE(envelope.apply(edit));
      }
    }
    if (replaced) replacement.finish(*replaced), body = *replaced;
  }
  std::string text() const {
    std::string out = fate + "\n" + envelope.sender.text();
    for (const auto& one : envelope.recipients) out += "\n" + one.address.text();
    return out + "\n" + headers.section() + "\n" + body;
  }
};

std::string fate_of(Session::Answer answer) {
  return answer == Session::Answer::discard  ? "discarded"
         : answer == Session::Answer::reject ? "rejected"
                                             : "deferred";
}

using At = RandomFilter::At;

/// The strongest refusal of those that decide there; nothing where none refuses.
std::string refusal_at(At at, const std::vector<RandomFilter>& filters) {
  std::string strongest;
  const std::string_view order[] = {"", "deferred", "rejected", "discarded"};
  for (const auto& filter : filters) {
    if (filter.decides != at || !filter.refuses()) continue;
    if (filter.verdict == Session::Answer::discard && at != At::data) continue;  // there is no message yet
    const auto fate = fate_of(filter.verdict);
    if (std::ranges::find(order, fate) > std::ranges::find(order, strongest)) strongest = fate;
  }
  return strongest;
}

/// One filter after the other, each on what those before it have left.
std::string as_postfix(Message message, const std::vector<RandomFilter>& filters) {
  for (const auto at : {At::connect, At::helo, At::data})
    if (auto fate = refusal_at(at, filters); !fate.empty()) return fate;
  for (const auto& filter : filters) {
    const bool early = filter.decides >= At::connect && filter.decides <= At::data;
    if (early && filter.verdict == Session::Answer::accept) continue;
    std::vector<std::string> seen;
    for (std::size_t i = 0; i < message.headers.fields().size() && (filter.steps & step::no_headers) == 0;
         ++i) {
      if (!message.headers.visible(i)) continue;
      const auto header = filter_header(message.headers.fields()[i], filter.space());
      seen.push_back(header.name + ':' + header.value);
    }
    const auto body = (filter.steps & step::no_body) != 0 ? std::string() : message.body;
    const bool decides = !early && filter.decides_on(seen, body);
    if (decides && filter.refuses()) return fate_of(filter.verdict);
    if (decides && filter.decides != RandomFilter::At::end_of_message) continue;  // it accepts
    message.apply(filter.edits(seen, body), filter.space());
  }
  return message.text();
}

/// All of them behind the multiplexer, whose edits the MTA applies; all messages on one connection.
std::vector<std::string> as_multiplexed(const std::vector<Message>& messages,
                                        const std::vector<RandomFilter>& filters, std::size_t in_memory) {
  struct Seen {
    std::vector<std::string> headers;
    std::string body;
  };
  std::vector<Seen> seen(filters.size());
  Rig rig(filters.size(), [&](Rig& one) {
    one.settings.limits.in_memory = in_memory;
    for (std::size_t i = 0; i < filters.size(); ++i) {
      one.settings.children[i].tell_ahead = filters[i].told_ahead;
      one.filters[i].wishes.actions = filters[i].actions;
      one.filters[i].wishes.steps = filters[i].steps;
      one.filters[i].deaf_after_decision = filters[i].deaf;
      one.filters[i].act = [&seen, &filters, i](Session& session, const Session::Event& event) {
        const auto& filter = filters[i];
        const auto decide = [&](At at) {
          if (filter.decides == at) session.answer(filter.verdict);
        };
        if (std::holds_alternative<Session::Connect>(event)) decide(At::connect);
        if (std::holds_alternative<Session::Helo>(event)) decide(At::helo);
        if (std::holds_alternative<Session::Data>(event)) decide(At::data);
        if (std::holds_alternative<Session::Mail>(event)) seen[i] = {};
        if (const auto* header = std::get_if<Session::Header>(&event))
          seen[i].headers.push_back(header->header.name + ':' + header->header.value);
        if (const auto* body = std::get_if<Session::Body>(&event)) seen[i].body += body->octets;
        if (std::holds_alternative<Session::Header>(event)) decide(At::header);
        if (std::holds_alternative<Session::EndOfHeaders>(event)) decide(At::end_of_headers);
        if (std::holds_alternative<Session::Body>(event)) decide(At::body);
        if (!std::holds_alternative<Session::EndOfMessage>(event)) return;
        for (const auto& edit : filter.edits(seen[i].headers, seen[i].body)) EXPECT_TRUE(session.edit(edit));
        decide(At::end_of_message);
      };
    }
  });
  rig.gathers = filters.size() % 2 == 0;
  rig.connect(), rig.helo();
  const auto run = [&](const Message& message) {
    if (const auto said = rig.mail(); said != Rig::Verdict{}) return said;
    if (const auto said = rig.rcpt(); said != Rig::Verdict{}) return said;
    if (const auto said = rig.data(); said != Rig::Verdict{}) return said;
    for (std::size_t i = 0; i < message.headers.fields().size(); ++i)
      if (message.headers.visible(i))
        if (const auto said = rig.header(message.headers.fields()[i]); said != Rig::Verdict{}) return said;
    if (const auto said = rig.end_of_headers(); said != Rig::Verdict{}) return said;
    if (const auto said = rig.body(message.body); said != Rig::Verdict{}) return said;
    return rig.end_of_message();
  };
  std::vector<std::string> results;
  for (auto message : messages) {
    const auto verdict = run(message);
    EXPECT_FALSE(rig.waits);
    if (verdict.kind == Kind::discard) message.fate = "discarded";
    if (verdict.kind == Kind::reply) message.fate = verdict.reply.code >= 500 ? "rejected" : "deferred";
    if (message.fate == "taken") message.apply(rig.edits, rig.mta->leading_space());
    results.push_back(message.fate == "taken" ? message.text() : message.fate);
  }
  return results;
}

TEST(MultiplexerProperty, TheResultIsThatOfTheSameFiltersOneAfterTheOther) {
  for (unsigned seed = 0; seed < 3000; ++seed) {
    Random random(seed);
    std::vector<RandomFilter> filters;
    for (auto count = pick(random, 5); count > 0; --count) filters.push_back(RandomFilter::make(random));
    // Of filters that decide on an envelope some of which are told it ahead, those that are not are heard
    // first.
    for (auto& filter : filters) {
      if (filter.decides == At::data) filter.verdict = static_cast<Session::Answer>("adrt"[seed % 4]);
      if (filter.decides < At::connect || filter.decides > At::data) continue;
      for (auto& other : filters) other.told_ahead = filter.told_ahead;
    }
    std::vector<Message> messages;
    for (auto count = 1 + pick(random, 3); count > 0; --count) messages.push_back(Message::make(random));
    std::vector<std::string> expected;
    for (const auto& message : messages) expected.push_back(as_postfix(message, filters));
    ASSERT_EQ(as_multiplexed(messages, filters, seed % 2 == 0 ? 1000 : 10), expected)
        << "seed " << seed << ", " << filters.size() << " filters";
  }
}

}  // namespace
}  // namespace hikyaku::milter
