#pragma once
// For tests only: a disk below a real file system that writes down what is written and synced, and what it
// may hold after the power failed.
#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace hikyaku::serve::testing_support {

/// One thing that the disk was told, in order.
struct DeviceEvent {
  enum class Kind : std::uint8_t {
    write,
    sync,  ///< what was written before it is on the disk
    told,  ///< nothing of the disk: a process acknowledged a change
  };
  Kind kind = Kind::write;
  std::uint64_t offset = 0, octets = 0;
  std::uint64_t at = 0;  ///< where its octets stand in the record
};

/// What this process and its children mount from now on nobody else sees, and goes with the last of them,
/// also when they are killed; and they go with their parent. For a process of its own. Empty: done.
std::string enter_mount_namespace();

/// Mounts the image of an ext4 file system. Empty: done; else what could not be had. The loop device goes
/// with the mount.
std::string mount_image(const std::filesystem::path& image, const std::filesystem::path& folder);
/// Why such disks can't be had here; empty: they can.
std::string no_recorded_device();

/// A FUSE file system of one file, served by a process of its own: `image`, of which every write and sync
/// goes to `record` before it is answered. To be made, and unmounted, in a mount namespace of its own.
class RecordedDevice {
 public:
  /// `folder` is where it is mounted. `fault`: empty when that worked.
  RecordedDevice(const std::filesystem::path& image, const std::filesystem::path& record,
                 std::filesystem::path folder, std::string& fault);
  RecordedDevice(const RecordedDevice&) = delete;
  RecordedDevice& operator=(const RecordedDevice&) = delete;
  ~RecordedDevice();
  std::filesystem::path file() const { return folder_ / "disk"; }

 private:
  const std::filesystem::path folder_;
  pid_t server_ = -1;
};

/// Adds what was acknowledged to the record.
void record_told(const std::filesystem::path& record, const std::string& text);
std::vector<DeviceEvent> read_record(const std::filesystem::path& record);

/// Makes the images that there may be when the power fails, one after the other, never an earlier one after a
/// later one.
class DeviceReplay {
 public:
  /// `image` is what the disk held before the record began; it is changed.
  DeviceReplay(std::filesystem::path image, const std::filesystem::path& record);
  ~DeviceReplay();
  DeviceReplay(const DeviceReplay&) = delete;
  DeviceReplay& operator=(const DeviceReplay&) = delete;

  enum class Unsynced : unsigned char {
    all,   ///< as if the disk kept its order
    some,  ///< each write whole, not at all, or some of its pages of 4 KiB
  };
  /// After the first `count` events: all that was synced, and of what was written since what `unsynced` says.
  void make(std::size_t count, Unsynced unsynced, std::minstd_rand& random, const std::filesystem::path& to);
  const std::vector<DeviceEvent>& events() const { return events_; }
  std::string text(const DeviceEvent& event) const { return octets_of(event); }

 private:
  std::string octets_of(const DeviceEvent& event) const;
  const std::filesystem::path image_;
  const std::vector<DeviceEvent> events_;
  int record_ = -1;
  std::size_t applied_ = 0;  // events that image_ holds
};

}  // namespace hikyaku::serve::testing_support
