"""The fields of Caffe's files that the zoo needs.

Numbers and defaults as published in Caffe's format description (BVLC, 2014-2017). Fields that only matter to training
are listed too, so that a deploy file that carries them can be read; a field that is not listed is refused by name.
"""

from __future__ import annotations

from typing import Any

from handson.lab.zoo.schema import messages

_V1_LAYER_TYPES = {
    "CONCAT": 3, "CONVOLUTION": 4, "DROPOUT": 6, "ELTWISE": 25, "INNER_PRODUCT": 14, "LRN": 15, "POOLING": 17,
    "RELU": 18, "SOFTMAX": 20, "DATA": 5, "ACCURACY": 1, "SOFTMAX_LOSS": 21, "FLATTEN": 8, "SPLIT": 22, "SIGMOID": 19,
    "TANH": 23, "POWER": 26, "SLICE": 33, "DECONVOLUTION": 39, "IMAGE_DATA": 12, "NONE": 0,
}  # fmt: skip

_ENUMS = {
    "Phase": {"TRAIN": 0, "TEST": 1},
    "V1Type": _V1_LAYER_TYPES,
    "Engine": {"DEFAULT": 0, "CAFFE": 1, "CUDNN": 2},
    "VarianceNorm": {"FAN_IN": 0, "FAN_OUT": 1, "AVERAGE": 2},
    "EltwiseOp": {"PROD": 0, "SUM": 1, "MAX": 2},
    "PoolMethod": {"MAX": 0, "AVE": 1, "STOCHASTIC": 2},
    "RoundMode": {"CEIL": 0, "FLOOR": 1},
    "NormRegion": {"ACROSS_CHANNELS": 0, "WITHIN_CHANNEL": 1},
    "ShareMode": {"STRICT": 0, "PERMISSIVE": 1},
}

_SHARED: dict[str, tuple[str, ...]] = {
    "Shape": ("1 dim int64*",),
    "Rule": ("1 phase Phase", "2 min_level int32", "3 max_level int32", "4 stage string*", "5 not_stage string*"),
    "Param": ("1 name string", "2 share_mode ShareMode", "3 lr_mult float", "4 decay_mult float"),
    "Filler": (
        "1 type string", "2 value float", "3 min float", "4 max float", "5 mean float", "6 std float",
        "7 sparse int32", "8 variance_norm VarianceNorm",
    ),
    "Transform": (
        "1 scale float", "2 mirror bool", "3 crop_size uint32", "4 mean_file string", "5 mean_value float*",
        "6 force_color bool", "7 force_gray bool",
    ),
    "Concat": ("1 concat_dim uint32=1", "2 axis int32=1"),
    "BatchNorm": ("1 use_global_stats bool=true", "2 moving_average_fraction float", "3 eps float=0.00001"),
    "Convolution": (
        "1 num_output uint32", "2 bias_term bool=true", "3 pad uint32*", "4 kernel_size uint32*", "5 group uint32=1",
        "6 stride uint32*", "7 weight_filler Filler", "8 bias_filler Filler", "9 pad_h uint32=0", "10 pad_w uint32=0",
        "11 kernel_h uint32", "12 kernel_w uint32", "13 stride_h uint32", "14 stride_w uint32", "15 engine Engine",
        "16 axis int32=1", "17 force_nd_im2col bool", "18 dilation uint32*",
    ),
    "Dropout": ("1 dropout_ratio float=0.5",),
    "Eltwise": ("1 operation EltwiseOp=SUM", "2 coeff float*", "3 stable_prod_grad bool"),
    "InnerProduct": (
        "1 num_output uint32", "2 bias_term bool=true", "3 weight_filler Filler", "4 bias_filler Filler",
        "5 axis int32=1", "6 transpose bool=false",
    ),
    "Input": ("1 shape Shape*",),
    "LRN": (
        "1 local_size uint32=5", "2 alpha float=1", "3 beta float=0.75", "4 norm_region NormRegion=ACROSS_CHANNELS",
        "5 k float=1", "6 engine Engine",
    ),
    "Pooling": (
        "1 pool PoolMethod=MAX", "2 kernel_size uint32", "3 stride uint32", "4 pad uint32=0", "5 kernel_h uint32",
        "6 kernel_w uint32", "7 stride_h uint32", "8 stride_w uint32", "9 pad_h uint32=0", "10 pad_w uint32=0",
        "11 engine Engine", "12 global_pooling bool=false", "13 round_mode RoundMode=CEIL",
    ),
    "ReLU": ("1 negative_slope float=0", "2 engine Engine"),
    "Scale": (
        "1 axis int32=1", "2 num_axes int32=1", "3 filler Filler", "4 bias_term bool=false", "5 bias_filler Filler",
    ),
    "Softmax": ("1 engine Engine", "2 axis int32=1"),
}  # fmt: skip

_TEXT = _SHARED | {
    "State": ("1 phase Phase", "2 level int32", "3 stage string*"),
    "Net": (
        "1 name string", "2 layers V1Layer*", "3 input string*", "4 input_dim int32*", "5 force_backward bool",
        "6 state State", "7 debug_info bool", "8 input_shape Shape*", "100 layer Layer*",
    ),
    "Layer": (
        "1 name string", "2 type string", "3 bottom string*", "4 top string*", "5 loss_weight float*",
        "6 param Param*", "8 include Rule*", "9 exclude Rule*", "10 phase Phase", "11 propagate_down bool*",
        "100 transform_param Transform", "104 concat_param Concat", "106 convolution_param Convolution",
        "108 dropout_param Dropout", "110 eltwise_param Eltwise", "117 inner_product_param InnerProduct",
        "118 lrn_param LRN", "121 pooling_param Pooling", "123 relu_param ReLU", "125 softmax_param Softmax",
        "139 batch_norm_param BatchNorm", "142 scale_param Scale", "143 input_param Input",
    ),
    "V1Layer": (
        "2 bottom string*", "3 top string*", "4 name string", "5 type V1Type", "7 blobs_lr float*",
        "8 weight_decay float*", "9 concat_param Concat", "10 convolution_param Convolution",
        "12 dropout_param Dropout", "17 inner_product_param InnerProduct", "18 lrn_param LRN",
        "19 pooling_param Pooling", "24 eltwise_param Eltwise", "30 relu_param ReLU", "32 include Rule*",
        "33 exclude Rule*", "35 loss_weight float*", "36 transform_param Transform", "39 softmax_param Softmax",
        "1001 param string*", "1002 blob_share_mode ShareMode*",
    ),
}  # fmt: skip

_BINARY: dict[str, tuple[str, ...]] = {
    "Shape": ("1 dim int64*",),
    # Packed numbers lie in the file as one run of bytes; declared as bytes they are taken over as they are.
    "Blob": (
        "1 num int32=0", "2 channels int32=0", "3 height int32=0", "4 width int32=0", "5 data bytes*", "7 shape Shape",
        "8 double_data bytes*",
    ),
    "Layer": ("1 name string", "2 type string", "7 blobs Blob*"),
    "V1Layer": ("4 name string", "6 blobs Blob*"),
    "Net": ("1 name string", "2 layers V1Layer*", "100 layer Layer*"),
}  # fmt: skip

_text_classes = messages("handson.caffe.text", _TEXT, _ENUMS)
_binary_classes = messages("handson.caffe.binary", _BINARY, {})

TextNet: type[Any] = _text_classes["Net"]
"""A deploy file: the layers and what they are made of."""
BinaryNet: type[Any] = _binary_classes["Net"]
"""A caffemodel: the names of the layers and their numbers."""
V1_LAYER_TYPES = {number: name for name, number in _V1_LAYER_TYPES.items()}
