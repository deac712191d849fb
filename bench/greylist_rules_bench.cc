// What greylisting's rules cost for a recipient, by their number: half of them of networks, half of the ends
// of clients' names, and a last one for all others; and what a rule with four lists costs, by the number of
// their elements. The client is in none of them, in the last of the networks, or has the last of the names.
#include <benchmark/benchmark.h>

#include <string>
#include <variant>

#include "config/greylist_conf.h"
#include "greylist/evaluation.h"

namespace {

using namespace hikyaku;
using namespace hikyaku::greylist;

Configuration read(const std::string& text) {
  SourceCatalogue sources;
  config::Diagnostics diagnostics;
  return config::read_greylist_conf(text, sources.add("greylist.conf"), diagnostics);
}

Configuration rules(std::int64_t number) {
  std::string text = "nospf\n";
  for (std::int64_t i = 0; i < number / 2; ++i) {
    text += "racl whitelist addr 10." + std::to_string(i / 250) + "." + std::to_string(i % 250) + ".0/24\n";
    text += "racl whitelist domain d" + std::to_string(i) + ".example\n";
  }
  text += "racl greylist default\n";
  return read(text);
}

/// Four lists of so many elements each, which stand behind "not": none of them finds its rule.
Configuration lists(std::int64_t number) {
  std::string nets, names, senders, recipients;
  for (std::int64_t i = 0; i < number; ++i) {
    const auto one = std::to_string(i);
    nets += "10." + std::to_string(i / 250) + "." + std::to_string(i % 250) + ".0/24 ";
    names += "d" + one + ".example ";
    senders += "joe@d" + one + ".example ";
    recipients += "kim" + one + "@b.example ";
  }
  return read("nospf\nlist \"nets\" addr { " + nets + "}\nlist \"names\" domain { " + names +
              "}\nlist \"senders\" from { " + senders + "}\nlist \"recipients\" rcpt { " + recipients +
              "}\nracl whitelist not list \"nets\" not list \"names\" not list \"senders\" not list "
              "\"recipients\"\n");
}

void decide(benchmark::State& state, const Configuration& configuration, const char* client,
            const std::string& name) {
  Facts facts;
  facts.client = table::Ip::parse(client);
  facts.client_name = name;
  facts.sender = facts.raw_sender = "<joe@a.example>";
  facts.recipient = "<kim@b.example>";
  const Properties properties;
  const Answers answers;
  const FormatContext texts;
  for (auto _ : state) {
    auto decision = evaluate(Stage::recipient, configuration, facts, properties, answers, texts);
    benchmark::DoNotOptimize(decision);
  }
}

void in_none(benchmark::State& state) {
  decide(state, rules(state.range(0)), "192.0.2.7", "mx.elsewhere.test");
}
void in_a_network(benchmark::State& state) {
  decide(state, rules(state.range(0)), "10.0.4.7", "mx.elsewhere.test");
}
void by_a_name(benchmark::State& state) {
  decide(state, rules(state.range(0)), "192.0.2.7", "mx.d4.example");
}
void in_no_list(benchmark::State& state) {
  decide(state, lists(state.range(0)), "192.0.2.7", "mx.elsewhere.test");
}
void in_a_list(benchmark::State& state) {
  decide(state, lists(state.range(0)), "192.0.2.7", "mx.d4.example");
}

BENCHMARK(in_none)->Arg(10)->Arg(10000);
BENCHMARK(in_a_network)->Arg(10)->Arg(10000);
BENCHMARK(by_a_name)->Arg(10)->Arg(10000);
BENCHMARK(in_no_list)->Arg(10)->Arg(10000);
BENCHMARK(in_a_list)->Arg(10)->Arg(10000);

}  // namespace
