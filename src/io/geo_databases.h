#pragma once
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "io/geo_database.h"
#include "io/read_mostly.h"
#include "io/stable_file.h"
#include "table/ip.h"

namespace hikyaku::io {

/// The GeoIP databases that are in use, kept up to date with their files. Lookups are thread-safe, do not
/// block, and see each file as it was before a change or after. Whatever becomes of the files, there is an
/// answer: from a file as it was last good, or GeoDatabase::kUnknownCountry. Nothing is logged here: what
/// there is to say is handed to the owner.
class GeoDatabases {
 public:
  static constexpr std::size_t kMaxSources = 16;
  /// A file that was modified so shortly before is left alone while another is in use: its writer may not be
  /// done.
  static constexpr std::chrono::seconds kSettling{2};

  struct Source {
    std::string
        setting;       ///< what names the file, for what is said of it: "geoipdb", "greylist.conf:12 geoipdb"
    std::string path;  ///< of a file of either form, whichever the setting is for
  };
  struct Settings {
    /// The first that knows an address answers; those after kMaxSources are told and not used.
    std::vector<Source> sources;
    std::chrono::days old_after{180};
  };
  struct Notice {
    enum class Level : unsigned char { information, warning } level = Level::information;
    std::string text;
  };

  /// Where an answer is from.
  struct Origin {
    std::string path;
    std::optional<Time> built;
    bool operator==(const Origin&) const = default;
  };
  struct Country {
    std::string code{GeoDatabase::kUnknownCountry};
    std::optional<Origin> origin;  ///< nullopt: no file tells of countries of this family of addresses
  };
  struct AutonomousSystem {
    GeoDatabase::AutonomousSystem system;
    Origin origin;
  };
  struct Status {
    std::string setting, path;
    std::optional<GeoDatabase::About> in_use;
    std::string problem;  ///< why the file as it is now is not in use; empty: it is
  };

  /// Reads nothing yet: the first refresh() does.
  explicit GeoDatabases(Settings settings);

  /// Looks whether the files changed (time of change, size, inode), reads those that did, and puts them in
  /// use if they are good. Returns what is to be said: each thing once, until it changes. Blocking: to be
  /// called every few seconds, from where blocking is allowed.
  std::vector<Notice> refresh(Time now);

  /// When no file knows the address, the origin is the first that should.
  Country country(const table::Ip& ip) const;
  std::optional<AutonomousSystem> autonomous_system(const table::Ip& ip) const;
  /// Waits for a refresh() that is going on.
  std::vector<Status> status() const;

 private:
  using Set = std::vector<std::shared_ptr<const GeoDatabase>>;
  struct Seen {
    FileStamp stamp;
    bool readable;  // which may change alone
    bool operator==(const Seen&) const = default;
  };
  struct Slot {
    Source source;
    std::shared_ptr<const GeoDatabase> in_use;
    Time dated;  // of what is in use: its own date, or that of its file
    bool told_old = false;
    std::optional<Seen> seen;  // the file's last state that was dealt with
    std::optional<Error> problem;
  };
  bool look(Slot& slot, Time now, std::vector<Notice>& notices) const;
  void tell_age(Slot& slot, Time now, std::vector<Notice>& notices) const;

  mutable std::mutex mutex_;
  std::vector<Slot> slots_;   // under mutex_
  std::size_t not_used_ = 0;  // sources beyond the limit, until it is told
  std::chrono::days old_after_;
  ReadMostly<Set> set_;
};

}  // namespace hikyaku::io
