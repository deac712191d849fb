#pragma once
// For tests only: a DNS that is a list of records, and checks of SPF that ask it round by round.
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "greylist/spf.h"
#include "table/fold.h"

namespace hikyaku::greylist::testing_support {

class Zone {
 public:
  struct Record {
    std::string name, type, data;
  };
  Zone() = default;
  Zone(std::initializer_list<Record> records) {
    for (const auto& record : records) add(record);
  }
  void add(const Record& record) {
    const auto name = table::ascii_lower(record.name);
    if (record.type == "silent") {
      silent_.insert(name);
    } else {
      records_[{name, record.type}].push_back(record.data);
    }
  }
  void clear() { *this = Zone(); }

  DnsAnswer answer(const DnsQuestion& question) const {
    constexpr int kLongestChain = 8;
    auto name = question.name;
    for (int i = 0; i < kLongestChain; ++i) {
      const auto found = records_.find({name, type(question.type)});
      if (found != records_.end()) return {DnsAnswer::Status::found, texts(found->second, question.type)};
      if (silent_.contains(name)) return {DnsAnswer::Status::temporary, {}};
      const auto alias = records_.find({name, "cname"});
      if (alias == records_.end()) return {DnsAnswer::Status::none, {}};
      name = table::ascii_lower(without_dot(alias->second.front()));
    }
    return {DnsAnswer::Status::temporary, {}};  // what a resolver makes of a loop
  }

 private:
  static std::string type(DnsQuestion::Type type) {
    switch (type) {
      case DnsQuestion::Type::a:
        return "a";
      case DnsQuestion::Type::aaaa:
        return "aaaa";
      case DnsQuestion::Type::mx:
        return "mx";
      case DnsQuestion::Type::ns:
        return "ns";
      case DnsQuestion::Type::txt:
        return "txt";
      case DnsQuestion::Type::ptr:
        return "ptr";
    }
    return {};
  }
  static std::string without_dot(std::string name) {
    if (name.ends_with('.')) name.pop_back();
    return name;
  }
  /// As DnsAnswer has them.
  static std::vector<std::string> texts(std::vector<std::string> data, DnsQuestion::Type type) {
    if (type == DnsQuestion::Type::mx || type == DnsQuestion::Type::ptr) {
      for (auto& name : data) name = without_dot(name);
    }
    return data;
  }

  std::map<std::pair<std::string, std::string>, std::vector<std::string>> records_;
  std::set<std::string> silent_;
};

struct CheckedSpf {
  SpfResult result;
  unsigned rounds = 0;
  std::vector<DnsQuestion> asked;
};

/// Checks as a driver does. Each question must be new, and their number within what the header says.
inline CheckedSpf check_with(const Zone& zone, const SpfRequest& request, const SpfSettings& settings = {}) {
  CheckedSpf checked;
  DnsFacts facts;
  for (;; ++checked.rounds) {
    auto outcome = check_spf(request, facts, settings);
    if (auto* const result = std::get_if<SpfResult>(&outcome)) {
      checked.result = std::move(*result);
      break;
    }
    const auto& questions = std::get<std::vector<DnsQuestion>>(outcome);
    if (questions.empty() || checked.rounds == kMostSpfRounds) {
      ADD_FAILURE() << questions.size() << " questions in round " << checked.rounds;
      break;
    }
    for (const auto& question : questions) {
      EXPECT_EQ(facts.find(question), nullptr) << question.name << " was asked for again";
      facts.add(question, zone.answer(question));
      checked.asked.push_back(question);
    }
  }
  EXPECT_LE(checked.asked.size(), kMostSpfQuestions);
  return checked;
}

}  // namespace hikyaku::greylist::testing_support
