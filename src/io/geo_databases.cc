#include "io/geo_databases.h"

#include <fcntl.h>
#include <unistd.h>

#include <utility>

namespace hikyaku::io {
namespace {

using Level = GeoDatabases::Notice::Level;

constexpr auto kReplace = "a newer one is in a package of your system or at its publisher";

Time time_of(const FileStamp& stamp) {
  return Time(std::chrono::seconds(stamp.changed.tv_sec) +
              std::chrono::microseconds(stamp.changed.tv_nsec / 1000));
}

/// A time far in the future is a clock that was wrong, not a writer at work.
bool settling(const FileStamp& stamp, Time now) {
  const auto changed = time_of(stamp);
  return stamp.exists && changed > now - GeoDatabases::kSettling && changed < now + GeoDatabases::kSettling;
}

GeoDatabases::Origin origin_of(const GeoDatabase& database) {
  return {database.about().path, database.about().built};
}

}  // namespace

GeoDatabases::GeoDatabases(Settings settings)
    : old_after_(settings.old_after), set_(std::make_shared<const Set>()) {
  for (auto& source : settings.sources) {
    if (slots_.size() == kMaxSources) {
      ++not_used_;
    } else {
      slots_.push_back({.source = std::move(source)});
    }
  }
}

std::vector<GeoDatabases::Notice> GeoDatabases::refresh(Time now) {
  std::vector<Notice> notices;
  const std::scoped_lock lock(mutex_);
  if (const auto more = std::exchange(not_used_, 0); more > 0) {
    notices.push_back({Level::warning, std::to_string(more) + " GeoIP databases are not used: at most " +
                                           std::to_string(kMaxSources) + " are, and more are named"});
  }
  bool changed = false;
  for (auto& slot : slots_) {
    changed |= look(slot, now, notices);
    tell_age(slot, now, notices);
  }
  if (changed) {
    auto set = std::make_shared<Set>();
    for (const auto& slot : slots_) {
      if (slot.in_use) set->push_back(slot.in_use);
    }
    set_.replace(std::move(set));
  }
  return notices;
}

/// Whether the slot has another database than before.
bool GeoDatabases::look(Slot& slot, Time now, std::vector<Notice>& notices) const {
  const auto& path = slot.source.path;
  const auto stamp = stamp_of(path);
  const Seen seen{stamp, ::faccessat(AT_FDCWD, path.c_str(), R_OK, AT_EACCESS) == 0};
  if (slot.seen == seen || (slot.in_use && settling(stamp, now))) return false;
  slot.seen = seen;
  auto read = GeoDatabase::open(path);
  if (read) {
    slot.in_use = std::make_shared<const GeoDatabase>(std::move(*read));
    const auto& about = slot.in_use->about();
    slot.dated = about.built.value_or(time_of(stamp));
    slot.told_old = false;
    slot.problem.reset();
    const bool useful = about.countries || about.autonomous_systems;
    notices.push_back({useful ? Level::information : Level::warning,
                       slot.source.setting + " " + path + ": " + text(about) + ", is in use"});
    return true;
  }
  const bool told = slot.problem && slot.problem->fault == read.error().fault;
  slot.problem = std::move(read.error());
  if (slot.problem->fault == Fault::temporary) slot.seen.reset();  // to be tried again as it is
  if (told) return false;
  const auto meanwhile =
      slot.in_use ? "; what was read before stays in use: " + text(slot.in_use->about())
                  : std::string("; until it can be used, countries that no other file tells are ZZ");
  notices.push_back({Level::warning, slot.source.setting + ": " + slot.problem->text + meanwhile});
  return false;
}

void GeoDatabases::tell_age(Slot& slot, Time now, std::vector<Notice>& notices) const {
  if (!slot.in_use || slot.told_old || now - slot.dated <= old_after_) return;
  slot.told_old = true;
  const auto days = std::chrono::floor<std::chrono::days>(now - slot.dated).count();
  notices.push_back({Level::warning, slot.source.setting + " " + slot.source.path + ": its data are " +
                                         std::to_string(days) + " days old, and networks have moved since; " +
                                         kReplace});
}

GeoDatabases::Country GeoDatabases::country(const table::Ip& ip) const {
  return set_.read([&](const Set& set) {
    Country answer;
    for (const auto& database : set) {
      if (!database->covers(ip)) continue;
      auto code = database->country(ip);
      const bool known = code != GeoDatabase::kUnknownCountry;
      if (!known && answer.origin) continue;
      answer = {std::move(code), origin_of(*database)};
      if (known) break;
    }
    return answer;
  });
}

std::optional<GeoDatabases::AutonomousSystem> GeoDatabases::autonomous_system(const table::Ip& ip) const {
  return set_.read([&](const Set& set) -> std::optional<AutonomousSystem> {
    for (const auto& database : set) {
      if (auto system = database->autonomous_system(ip))
        return AutonomousSystem{std::move(*system), origin_of(*database)};
    }
    return std::nullopt;
  });
}

std::vector<GeoDatabases::Status> GeoDatabases::status() const {
  std::vector<Status> all;
  const std::scoped_lock lock(mutex_);
  for (const auto& slot : slots_) {
    all.push_back({slot.source.setting, slot.source.path,
                   slot.in_use ? std::optional(slot.in_use->about()) : std::nullopt,
                   slot.problem ? slot.problem->text : std::string()});
  }
  return all;
}

}  // namespace hikyaku::io
