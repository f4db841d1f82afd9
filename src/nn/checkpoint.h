#pragma once

#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernels/linear/panel_weight.h"
#include "nn/adapter.h"
#include "nn/safetensors_header.h"
#include "nn/taken_weight.h"
#include "nn/tensor_store.h"

namespace parallm {

// A checkpoint folder's weight files: those that model.safetensors.index.json
// names, or model.safetensors, or else all model*.safetensors. Any thread.
// Throws StartError.
struct WeightFiles {
  std::vector<TensorFile> files;

  static WeightFiles find(const std::filesystem::path& folder);
};

// Told while weights are read: so many bytes of so many in the files.
using OnProgress = std::function<void(size_t read, size_t all)>;

// A checkpoint being unpacked, and the adapter that changes it, if there is
// one. Each tensor is taken once, by the name it has in the file; what is left
// at the end is an error, not a surprise. Every complaint is a StartError that
// names the tensor. Until finish() nothing is read but the files' heads: to
// learn what a model will hold, any thread may build and drop it; one that is
// to be finished is built on the engine thread.
class Checkpoint {
 public:
  // With a dtype, float weights are converted as they are taken; without, f64
  // alone becomes f32. An adapter keeps its own types.
  Checkpoint(
      const std::filesystem::path& folder,
      std::optional<mx::Dtype> dtype,
      std::optional<Adapter> adapter = std::nullopt,
      OnProgress on_progress = {});

  // The same of these files, perhaps none, to be filled with put(); complaints
  // name the path.
  Checkpoint(
      const std::filesystem::path& path,
      const WeightFiles& files,
      std::optional<mx::Dtype> dtype,
      std::optional<Adapter> adapter,
      OnProgress on_progress);

  bool has(const std::string& name) const;

  // For whoever makes other tensors of those in the file, before they are
  // taken: all names; a tensor as it is; a float one, packed integers and
  // bytes, of a known shape; one under a new name, made to lie row by row.
  std::vector<std::string> names() const { return weights_.names(); }
  mx::array pull(const std::string& name) { return weights_.pull(name); }
  mx::array pull(const std::string& name, const mx::Shape& shape) {
    return weights_.take(name, shape, std::nullopt);
  }
  mx::array pull_packed(const std::string& name, const mx::Shape& shape) {
    return weights_.take_packed(name, shape);
  }
  mx::array pull_bytes(const std::string& name, const mx::Shape& shape) {
    return weights_.take_bytes(name, shape);
  }
  void put(const std::string& name, const mx::array& array) {
    weights_.put(name, array);
  }
  void rename(const std::string& from, const std::string& to) {
    weights_.rename(from, to);
  }
  // Forgets tensors that no model of today needs, by their names.
  void drop(const std::function<bool(const std::string&)>& is_dropped) {
    weights_.drop(is_dropped);
  }
  // The same of a part that the model has and we do not build.
  void leave_out(
      const std::string& part,
      const std::string& why,
      const std::function<bool(const std::string&)>& is_dropped);
  // For people: "vision_tower, 437 tensors of 812.3 MiB: WHY".
  const std::vector<std::string>& left_out() const { return left_out_; }
  // Forgets one that changes nothing if it is 0 everywhere; finish() looks.
  void drop_zeros(const std::string& name);
  // "FOLDER: tensor NAME COMPLAINT"
  [[noreturn]] void refuse(
      const std::string& name, const std::string& complaint) const;

  // To which float weights are converted, if they are.
  std::optional<mx::Dtype> dtype() const { return dtype_; }

  // What products with packed weights do to their activations.
  Activations activations() const { return activations_; }
  void use(Activations activations) { activations_ = activations; }

  // A float tensor.
  mx::array take(const std::string& name, const mx::Shape& shape);
  // A float tensor that stays exact, as float32, whatever the dtype.
  mx::array take_float32(const std::string& name, const mx::Shape& shape);
  // Packed integers (uint32).
  mx::array take_packed(const std::string& name, const mx::Shape& shape);
  // Scales that are a byte each (uint8).
  mx::array take_bytes(const std::string& name, const mx::Shape& shape);

  // What the adapter has for a linear layer, or none.
  std::optional<LoraTensors> take_lora(
      const std::string& name, int inputs, int outputs);
  // For a layer whose outputs are put in another order, before it is taken:
  // (outputs) int32, from where each comes.
  void reorder_lora(const std::string& name, const mx::array& outputs);
  // For a module of a kind that no adapter can change.
  void expect_no_lora(const std::string& name, std::string_view kind) const;

  // A form made of what was taken, which finish() computes so that no step has
  // to. Gives it back. The others are held instead of `taken`, not beside it.
  mx::array keep(const mx::array& form);
  mx::array keep_instead(const mx::array& taken, const mx::array& form);
  // Holds it no longer: another form has taken its place.
  void release(const mx::array& taken) { replace(taken, {}); }
  // Rows next to each other, so many each, in the same memory.
  std::vector<mx::array> keep_split(
      const mx::array& taken, const std::vector<int>& rows);

  // How each weight is kept that was taken so far, as take_weight() tells.
  void tell(TakenWeight weight) { weights_told_.push_back(std::move(weight)); }
  const std::vector<TakenWeight>& told() const { return weights_told_; }

  // Of what was taken and kept so far: what the model will hold, and what it
  // takes beside that, at most, to make the forms.
  size_t held_bytes() const;
  size_t making_bytes() const;

  // Everything must have been taken or dropped.
  void expect_empty() const;

  // The same, and reads all that was taken from the disk; kExitNoMemory if
  // there is no room for it.
  void finish();

 private:
  struct Meter;

  void replace(const mx::array& taken, const std::vector<mx::array>& forms);
  void expect_memory() const;
  void read(mx::array& array) const;
  void expect_zeros(const std::string& name, const mx::array& array) const;

  std::filesystem::path folder_;
  std::optional<mx::Dtype> dtype_;
  Activations activations_ = Activations::kFloat32;
  std::shared_ptr<Meter> meter_; // shared with the files, which move it on
  TensorStore weights_;
  std::optional<Adapter> adapter_;
  std::vector<TakenWeight> weights_told_{};
  std::vector<std::string> left_out_{};
  std::deque<mx::array> held_{}; // in the order in which they are read
  std::map<std::string, mx::array> zeros_{}; // if they are
};

} // namespace parallm
