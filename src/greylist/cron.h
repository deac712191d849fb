#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hikyaku::greylist {

/// A moment's fields as crontab(5) counts them, in local time.
struct CronMoment {
  unsigned minute = 0;     ///< 0..59
  unsigned hour = 0;       ///< 0..23
  unsigned month_day = 1;  ///< 1..31
  unsigned month = 1;      ///< 1..12
  unsigned week_day = 0;   ///< 0..6, Sunday is 0
};

/// The times of a `time` clause: "minutes hours days months weekdays", each "*", "5", "1-5", with "/2" for
/// every second one, or several of them with commas. All five must hold: unlike in crontab(5), a day of the
/// month and a day of the week are not alternatives. milter-greylist loses Sunday where it is written as 7
/// within a range
/// ("5-7"), and the end of a range that the step does not hit; both hold here.
class CronTimes {
 public:
  /// Fails with Fault::malformed; `place` is then the octet of `text` where it went wrong.
  static Result<CronTimes> parse(std::string_view text, std::size_t& place);
  bool contains(const CronMoment& moment) const;
  /// Reads back to the same times: "0,30 8,9,10 * * *".
  std::string text() const;
  bool operator==(const CronTimes&) const = default;

 private:
  std::array<std::uint64_t, 5> fields_{};  // a bit for each value
};

}  // namespace hikyaku::greylist
